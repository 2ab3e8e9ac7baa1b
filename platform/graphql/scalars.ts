// The scalars of every schema (Decimal, Currency, DateTime) and money on its way in and out. Free of transport.
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

/** Any ISO 8601 instant with a zone comes in; inside it is UTC with milliseconds. */
function parseInstant(text: string): string {
  const time = INSTANT.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(time) || !sameDay(text))
    throw new GraphQLError(`${shown(text)} is not an instant such as 2026-01-31T12:00:00.000Z`)
  return new Date(time).toISOString()
}

/** Date.parse turns 30 February into 2 March. */
function sameDay(text: string): boolean {
  const day = text.slice(0, 10)
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
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
