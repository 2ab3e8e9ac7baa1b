// Defines the scalars of every schema (Decimal, Currency, DateTime), and reads and writes money.
import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql'
import { CallerError } from '#platform/domain/errors.ts'
import { CURRENCIES, fromDecimal, type Money, toDecimal } from '#platform/domain/money.ts'

const DECIMAL = /^-?\d{1,13}(?:\.\d{1,4})?$/
const INSTANT =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/

function textScalar(name: string, description: string, parse: (text: string) => string): GraphQLScalarType {
  const parseText = (value: unknown): string => {
    if (typeof value !== 'string') throw new GraphQLError(`${name} is text, not ${typeof value}`)
    return parse(value)
  }
  return new GraphQLScalarType<string, string>({
    name,
    description,
    parseValue: parseText,
    parseLiteral: (node: ValueNode) => {
      if (node.kind !== Kind.STRING) throw new GraphQLError(`${name} is text in quotes`, { nodes: node })
      return parse(node.value)
    },
    serialize: value => (value instanceof Date ? value.toISOString() : String(value)),
  })
}

function parseDecimal(text: string): string {
  if (!DECIMAL.test(text)) throw new GraphQLError(`${shown(text)} is not a decimal number such as "19.99"`)
  return text
}

function parseCurrency(text: string): string {
  if (!Object.hasOwn(CURRENCIES, text))
    throw new GraphQLError(`${shown(text)} is not a currency that is traded here, such as EUR`)
  return text
}

function parseInstant(text: string): string {
  const read = readInstant(text)
  if ('instant' in read) return read.instant
  throw new GraphQLError(`${shown(text)} is not an instant such as 2026-01-31T12:00:00.000Z${read.because}`)
}

/** `because` goes on from a sentence that says what was expected; it is empty where that says enough. */
type ReadInstant = { readonly instant: string } | { readonly because: string }

/** Any ISO 8601 instant with a zone comes in; inside it is UTC with milliseconds, of the years 0000 to 9999. */
export function readInstant(text: string): ReadInstant {
  const time = INSTANT.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(time)) return { because: LOST_PLUS.test(text) ? PLUS_HINT : '' }
  if (!hasDay(text)) return { because: `: ${monthOf(text)} has no day ${Number(text.slice(8, 10))}` }
  const instant = new Date(time).toISOString()
  return instant.length === LENGTH
    ? { instant }
    : { because: ': in UTC it is outside of the years 0 to 9999' }
}

/** Years outside of 0000 to 9999 have a sign and six digits, which no longer sort by time. */
const LENGTH = '2026-01-31T12:00:00.000Z'.length
/** Matches an offset whose + the query string of a URL has turned into a blank. */
export const LOST_PLUS = /(?<=T[\d:.]+) (?=\d{2}:\d{2}$)/
const PLUS_HINT = ': a + in the query string of a URL stands for a blank, and is written %2B'

/** Date.parse turns 30 February into 2 March. */
function hasDay(text: string): boolean {
  const day = text.slice(0, 10)
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
}

const MONTHS = new Intl.DateTimeFormat('en', { month: 'long', year: 'numeric', timeZone: 'UTC' })

/** Such as February 2026. */
function monthOf(text: string): string {
  return MONTHS.format(new Date(`${text.slice(0, 7)}-01T00:00:00Z`))
}

function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}

/** Resolvers of the scalars; part of every service's resolver map. Outside, all three are strings. */
export const scalars = {
  Decimal: textScalar('Decimal', 'A decimal number as text, such as "19.99"; never a float.', parseDecimal),
  Currency: textScalar('Currency', 'An ISO 4217 code, such as EUR.', parseCurrency),
  DateTime: textScalar(
    'DateTime',
    'A UTC instant, ISO 8601, such as 2026-01-31T12:00:00.000Z.',
    parseInstant,
  ),
}

export type MoneyText = { readonly amount: string; readonly currency: string }

export function moneyOut(money: Money): { amount: string; currency: string } {
  return { amount: toDecimal(money), currency: money.currency }
}

/** Throws CallerError BAD_USER_INPUT when the amount does not fit the currency. The sign is the caller's to check. */
export function moneyIn({ amount, currency }: MoneyText): Money {
  try {
    return fromDecimal(amount, currency)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new CallerError('BAD_USER_INPUT', cause.message, {}, cause)
  }
}
