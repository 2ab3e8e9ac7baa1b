// Turns a request's body into the input of a GraphQL mutation, and reports where it does not fit.
import { coerceInputValue, type GraphQLSchema, isInputType } from 'graphql'
import { badInput, type InputProblem } from '#bff-web/rest/parameters.ts'
import { isObject } from '#platform/domain/json.ts'

/** An input type, and where those of its fields come from that are not in the body. */
export type BodyInput = { readonly type: string; readonly elsewhere: Readonly<Record<string, string>> }

type Fields = Readonly<Record<string, unknown>>

const MAX_PROBLEMS = 20
const MAX_DETAIL = 300

/**
 * Returns the body's fields and the `given` ones. Throws CallerError BAD_USER_INPUT that lists what does not fit, each
 * with a JSON pointer into the body.
 */
export function readBody(
  schema: GraphQLSchema,
  { type, elsewhere }: BodyInput,
  { body, given }: { readonly body: unknown; readonly given: Fields },
): Fields {
  if (!isObject(body)) throw badInput([{ pointer: '', detail: 'should be a JSON object' }])
  const problems: InputProblem[] = Object.keys(elsewhere)
    .filter(name => Object.hasOwn(body, name))
    .map(name => ({ pointer: `/${name}`, detail: `does not belong in the body: it is ${elsewhere[name]}` }))
  const inputType = schema.getType(type)
  if (!isInputType(inputType)) throw new Error(`there is no input type ${type}`)
  const input = { ...body, ...given }
  coerceInputValue(input, inputType, (path, _value, error) => {
    if (problems.length >= MAX_PROBLEMS) return
    const pointer = path.map(step => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
    problems.push({ pointer, detail: cut(`does not fit: ${error.message}`) })
  })
  if (problems.length > 0) throw badInput(problems)
  return input
}

function cut(text: string): string {
  return text.length > MAX_DETAIL ? `${text.slice(0, MAX_DETAIL)}…` : text
}
