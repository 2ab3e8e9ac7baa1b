// Checks of what callers send: each throws CallerError BAD_USER_INPUT that names the field. Free of I/O and of orders.
import { CallerError } from '#platform/domain/errors.ts'
import { ID_PREFIXES, type IdKind, isId } from '#platform/domain/ids.ts'
import { CURRENCIES, fromDecimal, type Money } from '#platform/domain/money.ts'
import type { MoneyText } from '#platform/graphql/scalars.ts'

/** The longest text that an error repeats. */
const SHOWN = 60

/** Throws that `field` should hold `expected`; `got` is shown, cut short, unless it is left out. */
export function malformed(field: string, expected: string, got?: unknown): never {
  const shown = got === undefined ? '' : `; got ${(JSON.stringify(got) ?? String(got)).slice(0, SHOWN)}`
  throw new CallerError('BAD_USER_INPUT', `${field}: should be ${expected}${shown}`, { field })
}

/** Control characters but tabs and line ends, and halves of surrogate pairs, are not text that a database holds. */
function isStorable(text: string): boolean {
  return text.isWellFormed() && !/[^\P{Cc}\t\n\r]/u.test(text)
}

/** The text without the white space around it. */
export function checkText(field: string, text: string, max: number): string {
  const trimmed = text.trim()
  if (trimmed.length === 0 || trimmed.length > max) malformed(field, `1 to ${max} characters`, text)
  if (!isStorable(trimmed)) malformed(field, 'text without control characters')
  return trimmed
}

/** Undefined when it is missing, null or blank. */
export function checkOptionalText(
  field: string,
  text: string | null | undefined,
  max: number,
): string | undefined {
  return text === null || text === undefined || text.trim() === '' ? undefined : checkText(field, text, max)
}

export function checkInt(field: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max)
    malformed(field, `a whole number from ${min} to ${max}`, value)
  return value
}

export function checkCount<T>(field: string, list: readonly T[], min: number, max: number): readonly T[] {
  if (list.length < min || list.length > max) malformed(field, `${min} to ${max} entries`, list.length)
  return list
}

export function checkId(field: string, kind: IdKind, value: string): string {
  if (!isId(kind, value)) malformed(field, `an id such as ${ID_PREFIXES[kind]}_0190a5b2-…`, value)
  return value
}

export function checkKey(key: string): string {
  if (key.length === 0 || key.length > 200) malformed('idempotencyKey', '1 to 200 characters', key)
  if (!isStorable(key)) malformed('idempotencyKey', 'text without control characters')
  return key
}

const SKU = /^[A-Za-z0-9._-]{1,64}$/

export function checkSku(field: string, sku: string): string {
  if (!SKU.test(sku)) malformed(field, '1 to 64 letters, digits, dots, dashes and underscores', sku)
  return sku
}

/** Minor units, at least `least`. */
export function checkMoney(field: string, { amount, currency }: MoneyText, least: number): Money {
  if (CURRENCIES[currency] === undefined)
    malformed(`${field}.currency`, `one of ${Object.keys(CURRENCIES).join(', ')}`, currency)
  const money = readMoney(field, amount, currency)
  if (money.minor < least) malformed(`${field}.amount`, least > 0 ? 'more than 0' : '0 or more', amount)
  return money
}

function readMoney(field: string, amount: string, currency: string): Money {
  try {
    return fromDecimal(amount, currency)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new CallerError('BAD_USER_INPUT', `${field}.amount: ${error.message}`, { field })
  }
}

const EMAIL = /^[^\s@<>"]+@[^\s@<>"]+$/

export function checkEmail(field: string, email: string): string {
  const trimmed = checkText(field, email, 254)
  if (!EMAIL.test(trimmed)) malformed(field, 'an e-mail address', email)
  return trimmed
}
