// Checks input from callers. Each check throws CallerError BAD_USER_INPUT with the field, what it should be and what came.
import { COUNTRY_CODE, isCountry } from '#platform/domain/country.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { ID_PREFIXES, type IdKind, isId } from '#platform/domain/ids.ts'
import { CURRENCIES, fromDecimal, type Money } from '#platform/domain/money.ts'
import { isSku, SKU_FORM } from '#platform/domain/sku.ts'
import type { MoneyText } from '#platform/graphql/scalars.ts'

type Range = { readonly min: number; readonly max: number }

/** The longest text that an error repeats. */
const SHOWN = 60
const MAX_KEY = 200
const MAX_TOKEN = 200

/** Throws that `field` should be `expected`; `got` is shown, cut short, unless it is left out. */
export function malformed(field: string, expected: string, got?: unknown): never {
  const shown = got === undefined ? '' : `; got ${(JSON.stringify(got) ?? String(got)).slice(0, SHOWN)}`
  throw new CallerError('BAD_USER_INPUT', `${field}: should be ${expected}${shown}`, { field })
}

/** Databases do not hold halves of surrogate pairs, and text has no control characters but tabs and line ends. */
function isText(text: string): boolean {
  return text.isWellFormed() && !/[^\P{Cc}\t\n\r]/u.test(text)
}

/** Returns the text without the white space around it. It may have several lines. */
export function checkText(field: string, text: string, max: number): string {
  const trimmed = text.trim()
  if (trimmed.length === 0 || trimmed.length > max) malformed(field, `1 to ${max} characters`, text)
  if (!isText(trimmed)) malformed(field, 'text without control characters')
  return trimmed
}

/** Returns the text without the white space around it, or undefined when it is missing, null or blank. */
export function checkOptionalText(
  field: string,
  text: string | null | undefined,
  max: number,
): string | undefined {
  return text === null || text === undefined || text.trim() === '' ? undefined : checkText(field, text, max)
}

/** Returns the text without the white space around it. It has one line, and no tabs. */
export function checkLine(field: string, text: string, max: number): string {
  const trimmed = text.trim()
  if (trimmed.length > 0 && trimmed.length <= max && isText(trimmed) && !/\p{Cc}/u.test(trimmed))
    return trimmed
  return malformed(field, `1 to ${max} characters, none of them a control character`, text)
}

/**
 * Returns the idempotency key as it came: it is compared character for character, so white space around it is part of it.
 */
export function checkKey(key: string): string {
  if (key.trim() === '' || key.length > MAX_KEY)
    malformed('idempotencyKey', `1 to ${MAX_KEY} characters`, key)
  if (!isText(key)) malformed('idempotencyKey', 'text without control characters')
  return key
}

export function checkInt(field: string, value: number, { min, max }: Range): number {
  if (!Number.isInteger(value) || value < min || value > max)
    malformed(field, `a whole number from ${min} to ${max}`, value)
  return value
}

export function checkCount<T>(field: string, list: readonly T[], { min, max }: Range): readonly T[] {
  if (list.length < min || list.length > max) malformed(field, `${min} to ${max} entries`, list.length)
  return list
}

export function checkId(field: string, kind: IdKind, value: string): string {
  if (!isId(kind, value)) malformed(field, `an id such as ${ID_PREFIXES[kind]}_0190a5b2-…`, value)
  return value
}

export function checkSku(field: string, sku: string): string {
  return isSku(sku) ? sku : malformed(field, SKU_FORM, sku)
}

export function checkCountry(field: string, country: string): string {
  return isCountry(country) ? country : malformed(field, COUNTRY_CODE, country)
}

/** Returns the amount in minor units, at least `least`. */
export function checkMoney(field: string, { amount, currency }: MoneyText, least: number): Money {
  if (CURRENCIES[currency] === undefined)
    malformed(`${field}.currency`, `one of ${Object.keys(CURRENCIES).join(', ')}`, currency)
  const money = parseMoney(field, amount, currency)
  if (money.minor < least) malformed(`${field}.amount`, least > 0 ? 'more than 0' : '0 or more', amount)
  return money
}

function parseMoney(field: string, amount: string, currency: string): Money {
  try {
    return fromDecimal(amount, currency)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new CallerError('BAD_USER_INPUT', `${field}.amount: ${error.message}`, { field })
  }
}

/** ISO/IEC 7812: 12 to 19 digits, however they are grouped. */
const CARD_NUMBER = /^\d(?:[ .-]?\d){11,18}$/

/** Checks the token of a tender. Errors never repeat it: it may be a card number. */
export function checkToken(field: string, token: string): string {
  if (CARD_NUMBER.test(token.trim()))
    malformed(field, 'what the payment provider gave; got what looks like a card number')
  if (token.trim().length === 0 || token.length > MAX_TOKEN) malformed(field, `1 to ${MAX_TOKEN} characters`)
  if (!/^[\x21-\x7e]+$/.test(token)) malformed(field, 'printable ASCII characters without spaces')
  return token
}
