// Writes scalars and enums as JSON text. A value that its type does not allow becomes null, with an error.
import { type GraphQLEnumType, type GraphQLLeafType, isEnumType } from 'graphql'
import type { Completion, WriteValue } from '#gateway/executor/execution.ts'

const MAX_INT = 2_147_483_647
const MIN_INT = -2_147_483_648

/** The values of enums that some subgraph defines and clients do not see, by the enum's name. */
export type HiddenValues = ReadonlyMap<string, ReadonlySet<unknown>>

type LeafPosition = {
  /** `Type.field`, for messages. */
  readonly parent: string
  /** Says whether null is allowed. */
  readonly nullable: boolean
  readonly hidden: HiddenValues
}

/** Returns the function that writes values of the type other than null and undefined. */
export function compileLeaf(type: GraphQLLeafType, { parent, nullable, hidden }: LeafPosition): WriteValue {
  if (isEnumType(type)) return compileEnum(type, parent, nullable ? hidden.get(type.name) : undefined)
  switch (type.name) {
    case 'Int':
      return (value, completion) =>
        Number.isInteger(value) && Number(value) <= MAX_INT && Number(value) >= MIN_INT
          ? String(value)
          : wrong(completion, parent, 'Int')
    case 'Float':
      return (value, completion) =>
        Number.isFinite(value) ? String(value) : wrong(completion, parent, 'Float')
    case 'Boolean':
      return (value, completion) =>
        value === true ? 'true' : value === false ? 'false' : wrong(completion, parent, 'Boolean')
    case 'String':
    case 'ID':
      return (value, completion) => {
        if (typeof value === 'string') return quote(value)
        if (typeof value === 'number' || typeof value === 'boolean') return `"${value}"`
        return wrong(completion, parent, type.name)
      }
    default:
      return (value, completion) => textOf(value) ?? wrong(completion, parent, type.name)
  }
}

/** Returns undefined for a value that is nested too deeply to be written. */
function textOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined // the caller adds the error
  }
}

/**
 * A hidden value becomes null without an error where null is allowed, as in Apollo's gateway. Any other value that the
 * public graph does not have is an error, whose message does not show the value.
 */
function compileEnum(
  type: GraphQLEnumType,
  parent: string,
  silent: ReadonlySet<unknown> | undefined,
): WriteValue {
  const values = new Set(type.getValues().map(({ name }) => name))
  return (value, completion) => {
    if (typeof value === 'string' && values.has(value)) return `"${value}"`
    return silent?.has(value) ? 'null' : wrong(completion, parent, type.name)
  }
}

/** The most errors in one response. A list may have a wrong value at each index. */
const MAX_ERRORS = 1000

/** The path is put together on the way up, so that there is none to keep while no error occurs. */
export function addError({ errors }: Completion, message: string): undefined {
  if (errors.length < MAX_ERRORS) errors.push({ message, path: [], extensions: { code: 'INTERNAL' } })
  return undefined
}

function wrong(completion: Completion, parent: string, type: string): undefined {
  return addError(completion, `${parent} has a value that ${type} cannot represent.`)
}

/** JSON.stringify is faster for longer strings. */
const SHORT = 40
const QUOTE = 34
const BACKSLASH = 92
const FIRST_PRINTABLE = 32
const FIRST_SURROGATE = 0xd800

/** Returns the same as JSON.stringify. */
function quote(text: string): string {
  if (text.length > SHORT) return JSON.stringify(text)
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < FIRST_PRINTABLE || code === QUOTE || code === BACKSLASH || code >= FIRST_SURROGATE)
      return JSON.stringify(text)
  }
  return `"${text}"`
}
