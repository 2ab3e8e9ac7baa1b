// Reads the search parameters and the Idempotency-Key of a REST request.
import { GraphQLEnumType, type GraphQLSchema } from 'graphql'
import type { JsonSchema } from '#bff-web/rest/json-schema.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { LOST_PLUS, readInstant } from '#platform/graphql/scalars.ts'

type SearchParameter = {
  readonly description: string
  readonly schema: JsonSchema
  /** When true, it may be given several times, or with several values separated by commas. */
  readonly repeats: boolean
  /** Returns the value. Throws an Error whose message continues the parameter's name. */
  readonly read: (text: string) => unknown
}
export type SearchParameters = Readonly<Record<string, SearchParameter>>

/** A place in the request, and what is wrong there. */
export type InputProblem = { readonly parameter?: string; readonly pointer?: string; readonly detail: string }

const MAX_TEXT = 200
const MAX_KEY = 200
const MAX_SHOWN = 60
const MAX_VALUES = 50
/** Matches visible ASCII characters. */
const KEY = /^[\x21-\x7e]+$/

export const PAGE_PARAMETERS = {
  first: wholeNumber('How many orders at most; 20 when left out.', { from: 1, to: 100 }),
  after: text('Goes on behind this cursor: `pageInfo.endCursor` of the page before.', 500),
} as const

export function searchParameters(schema: GraphQLSchema): SearchParameters {
  return {
    text: text(
      "Each word begins a word of the order's id, number, reference or SKUs, of the customer's name or email, or of " +
        "the recipient's name, whatever its case and accents. Text without a letter or a digit finds nothing.",
      MAX_TEXT,
    ),
    status: oneOf(schema, 'OrderStatus', 'Orders in any of these states.'),
    placedFrom: instant('Placed at or after this instant.'),
    placedTo: instant('Placed before this instant.'),
    ...PAGE_PARAMETERS,
  }
}

/**
 * Returns the given values by name, as lists for parameters that repeat. Throws CallerError BAD_USER_INPUT that lists
 * every parameter that is unknown, repeated or invalid.
 */
export function readSearchParameters(
  declared: SearchParameters,
  query: unknown,
): Readonly<Record<string, unknown>> {
  const problems: InputProblem[] = []
  const values: Record<string, unknown> = {}
  for (const [name, given] of Object.entries(query ?? {})) {
    const parameter = Object.hasOwn(declared, name) ? declared[name] : undefined
    try {
      if (parameter === undefined) throw new Error(unknownParameter(declared))
      values[name] = readParameter(parameter, textsOf(given))
    } catch (error) {
      problems.push({ parameter: name.slice(0, MAX_SHOWN), detail: messageOf(error) })
    }
  }
  if (problems.length > 0) throw badInput(problems)
  return values
}

export function badInput(problems: readonly InputProblem[]): CallerError {
  const [first] = problems
  const place = first?.parameter ?? (first?.pointer || 'the body')
  return new CallerError('BAD_USER_INPUT', `${place} ${first?.detail}`, { errors: problems })
}

/** Returns the key, given bare or in the quotes of the IETF draft. Throws CallerError BAD_USER_INPUT when it is missing or invalid. */
export function readIdempotencyKey(header: string | readonly string[] | undefined): string {
  if (header === undefined || typeof header !== 'string')
    throw badKey('is missing: send one of your own, and the same again when you repeat the request')
  const key = /^".*"$/.test(header) ? header.slice(1, -1) : header
  if (key.length > MAX_KEY || !KEY.test(key))
    throw badKey(`should be 1 to ${MAX_KEY} visible ASCII characters without blanks`)
  return key
}

function badKey(detail: string): CallerError {
  return new CallerError('BAD_USER_INPUT', `the header Idempotency-Key ${detail}`)
}

function readParameter({ repeats, read }: SearchParameter, texts: readonly string[]): unknown {
  if (!repeats) {
    if (texts.length > 1) throw new Error('is given more than once')
    return read(texts[0] ?? '')
  }
  const values = texts.flatMap(value => value.split(','))
  if (values.length > MAX_VALUES) throw new Error(`has more than ${MAX_VALUES} values`)
  return values.map(value => read(value.trim()))
}

function unknownParameter(declared: SearchParameters): string {
  const names = Object.keys(declared)
  return names.length === 0
    ? 'is not known: there are none here'
    : `is not known: there is ${names.join(', ')}`
}

function textsOf(given: unknown): string[] {
  return (Array.isArray(given) ? given : [given]).map(String)
}

function text(description: string, maxLength: number): SearchParameter {
  const read = (value: string) => {
    if (value === '' || value.length > maxLength) throw new Error(`should be 1 to ${maxLength} characters`)
    return value
  }
  return { description, repeats: false, read, schema: { type: 'string', minLength: 1, maxLength } }
}

function wholeNumber(
  description: string,
  { from, to }: { readonly from: number; readonly to: number },
): SearchParameter {
  const read = (value: string) => {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN
    if (!(number >= from && number <= to))
      throw new Error(`should be a whole number from ${from} to ${to}, not ${shown(value)}`)
    return number
  }
  return { description, repeats: false, read, schema: { type: 'integer', minimum: from, maximum: to } }
}

/** Reads an instant. A blank before its offset is a + that was not escaped, because an instant holds no blank. */
function instant(description: string): SearchParameter {
  const read = (value: string) => {
    const found = readInstant(value.replace(LOST_PLUS, '+'))
    if ('instant' in found) return found.instant
    throw new Error(`should be an instant such as 2026-01-31T12:00:00Z, not ${shown(value)}${found.because}`)
  }
  return { description, repeats: false, read, schema: { type: 'string', format: 'date-time' } }
}

function oneOf(schema: GraphQLSchema, type: string, description: string): SearchParameter {
  const found = schema.getType(type)
  const names = found instanceof GraphQLEnumType ? found.getValues().map(({ name }) => name) : []
  const read = (value: string) => {
    if (!names.includes(value)) throw new Error(`should be of ${names.join(', ')}, not ${shown(value)}`)
    return value
  }
  const items = { $ref: `#/components/schemas/${type}` }
  return { description, repeats: true, read, schema: { type: 'array', items } }
}

function shown(value: string): string {
  return JSON.stringify(value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
