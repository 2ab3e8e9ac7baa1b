// Represents money as integer minor units and an ISO 4217 code, and reads and writes it as a decimal string.

/** `minor` is a safe integer in the currency's smallest unit: { minor: 1999, currency: 'USD' } is 19.99 USD. */
export type Money = { readonly minor: number; readonly currency: string }

/** The largest amount accepted anywhere, in minor units: leaves room to add a million of them exactly. */
export const MAX_MINOR = 9_000_000_000

/** Currencies Waybill trades in, with the number of their decimal places (ISO 4217). */
export const CURRENCIES: Readonly<Record<string, number>> = {
  AUD: 2,
  BRL: 2,
  CAD: 2,
  CHF: 2,
  CLP: 0,
  CNY: 2,
  CZK: 2,
  DKK: 2,
  EUR: 2,
  GBP: 2,
  HKD: 2,
  HUF: 2,
  INR: 2,
  JPY: 0,
  KRW: 0,
  KWD: 3,
  MXN: 2,
  NOK: 2,
  NZD: 2,
  PLN: 2,
  SEK: 2,
  SGD: 2,
  TND: 3,
  USD: 2,
  ZAR: 2,
}

function decimalPlaces(currency: string): number {
  const places = CURRENCIES[currency]
  if (places === undefined) throw new RangeError(`unknown currency ${JSON.stringify(currency)}`)
  return places
}

/** `{ minor: 1999, currency: 'USD' }` -> `'19.99'`. */
export function toDecimal({ minor, currency }: Money): string {
  const places = decimalPlaces(currency)
  const digits = Math.abs(minor)
    .toString()
    .padStart(places + 1, '0')
  const text = places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`
  return minor < 0 ? `-${text}` : text
}

/** `'19.99'` and `'USD'` -> `{ minor: 1999, currency: 'USD' }`; throws a RangeError that says what is wrong. */
export function fromDecimal(amount: string, currency: string): Money {
  const places = decimalPlaces(currency)
  const match = /^(-?)(\d{1,13})(?:\.(\d+))?$/.exec(amount)
  if (!match) throw new RangeError(`${JSON.stringify(amount)} is not a decimal amount such as "19.99"`)
  const fraction = match[3] ?? ''
  if (fraction.length > places)
    throw new RangeError(
      `${JSON.stringify(amount)} has ${fraction.length} decimals; ${currency} has ${places}`,
    )
  const minor = Number(`${match[2]}${fraction.padEnd(places, '0')}`)
  if (minor > MAX_MINOR) throw new RangeError(`${amount} ${currency} is more than the most that is accepted`)
  return { minor: match[1] && minor !== 0 ? -minor : minor, currency }
}

/**
 * Splits `amount` in proportion to `weights` by the largest remainder: whole minor units that add up to `amount`. Of
 * equal remainders the earlier part gets the unit, and weights that are all 0 count as equal. Takes whole numbers of 0
 * or more, and at least one weight unless `amount` is 0.
 */
export function apportion(amount: number, weights: readonly number[]): number[] {
  const total = sum(weights)
  if (total === 0n && amount > 0)
    return apportion(
      amount,
      weights.map(() => 1),
    )
  // The product of two amounts does not fit a double exactly.
  const exact = weights.map(weight => BigInt(amount) * BigInt(weight))
  const parts = exact.map(product => (total === 0n ? 0 : Number(product / total)))
  const left = amount - Number(sum(parts))
  const remainders = exact.map((product, index) => ({ index, rest: total === 0n ? 0n : product % total }))
  remainders.sort((one, other) => Number(other.rest - one.rest))
  const topped = new Set(remainders.slice(0, left).map(({ index }) => index))
  return parts.map((part, index) => (topped.has(index) ? part + 1 : part))
}

function sum(numbers: readonly number[]): bigint {
  return numbers.reduce((total, number) => total + BigInt(number), 0n)
}
