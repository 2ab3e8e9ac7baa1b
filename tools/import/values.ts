// Parses the texts of a file into amounts, numbers, dates and names. Each parser throws RangeError with what it expected.
import { fromDecimal } from '#platform/domain/money.ts'

export type Parser<Value> = (text: string) => Value

const CONTROL = /\p{Cc}/u

/** Parses 1 to `max` characters. */
export function text(max: number): Parser<string> {
  return given => {
    if (given === '') throw new RangeError('is empty')
    if (given.length > max)
      throw new RangeError(`has ${given.length} characters; at most ${max} are accepted`)
    if (CONTROL.test(given) || !given.isWellFormed())
      throw new RangeError(`${shown(given)} holds a control character, such as a line end`)
    return given
  }
}

/** Parses as `text` does, and returns null for an empty text. */
export function optionalText(max: number): Parser<string | null> {
  return given => (given === '' ? null : text(max)(given))
}

/** Parses at most `max` characters of perhaps several lines, and returns null for an empty text. */
export function optionalLines(max: number): Parser<string | null> {
  return given => {
    if (given === '') return null
    if (given.length > max)
      throw new RangeError(`has ${given.length} characters; at most ${max} are accepted`)
    if (/[^\P{Cc}\t\n\r]/u.test(given) || !given.isWellFormed())
      throw new RangeError(`${shown(given)} holds a control character`)
    return given
  }
}

export function matching(pattern: RegExp, expected: string): Parser<string> {
  return given => {
    if (!pattern.test(given)) throw new RangeError(`expected ${expected}, got ${shown(given)}`)
    return given
  }
}

export function oneOf<const Value extends string>(values: readonly Value[]): Parser<Value> {
  return given => {
    const found = values.find(value => value === given)
    if (found === undefined) throw new RangeError(`expected ${values.join(', ')}, got ${shown(given)}`)
    return found
  }
}

export function whole(min: number, max: number): Parser<number> {
  return given => {
    const value = /^-?\d{1,10}$/.test(given) ? Number(given) : Number.NaN
    if (!(value >= min && value <= max))
      throw new RangeError(`expected a whole number from ${min} to ${max}, got ${shown(given)}`)
    return value
  }
}

type MoneyFormat = { readonly currency: string; readonly decimalSeparator: '.' | ',' }

/** Parses minor units, not below 0; an empty text is 0 with `orZero`. Zeros past the currency's decimals are dropped. */
export function amount({ currency, decimalSeparator }: MoneyFormat, orZero = false): Parser<number> {
  return given => {
    if (given === '' && orZero) return 0
    const decimal = given
      .replace(decimalSeparator, '.')
      .replace(/(\.\d*?)0+$/, '$1')
      .replace(/\.$/, '')
    const minor = readMinor(decimal, given, currency)
    if (minor < 0) throw new RangeError(`${shown(given)} is below 0`)
    return minor
  }
}

function readMinor(decimal: string, given: string, currency: string): number {
  try {
    return fromDecimal(decimal, currency).minor
  } catch {
    throw new RangeError(`${shown(given)} is not a decimal amount of ${currency} such as "19.99"`)
  }
}

/** A fraction: `of(minor)` is that fraction of an amount, exactly, rounded half up. */
type Fraction = { readonly of: (minor: number) => number }

/** Parses a decimal from 0 to `whole`, of which it is a fraction; an empty text is 0. */
export function fraction(decimalSeparator: '.' | ',', whole: 1 | 100): Parser<Fraction> {
  return given => {
    const match = /^(\d{1,3})(?:\.(\d{1,9}))?$/.exec((given || '0').replace(decimalSeparator, '.'))
    const digits = BigInt(`${match?.[1] ?? ''}${match?.[2] ?? ''}`)
    const scale = 10n ** BigInt((match?.[2] ?? '').length) * BigInt(whole)
    if (!match || digits > scale)
      throw new RangeError(`expected a number from 0 to ${whole}, got ${shown(given)}`)
    return { of: minor => Number((BigInt(minor) * digits * 2n + scale) / (scale * 2n)) }
  }
}

const TOKENS: Readonly<Record<string, string>> = {
  YYYY: '(?<year>\\d{4})',
  MM: '(?<month>\\d{1,2})',
  DD: '(?<day>\\d{1,2})',
  HH: '(?<hour>\\d{1,2})',
  mm: '(?<minute>\\d{2})',
  ss: '(?<second>\\d{2})',
}

/** Parses milliseconds since 1970, reading the text as UTC. `format` consists of YYYY, MM, DD, HH, mm and ss. */
export function instant(format: string): Parser<number> {
  const escaped = format.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const pattern = new RegExp(`^${escaped.replace(/YYYY|MM|DD|HH|mm|ss/g, token => TOKENS[token] ?? token)}$`)
  return given => {
    const found = pattern.exec(given)?.groups
    if (!found) throw new RangeError(`expected ${format}, got ${shown(given)}`)
    const [year, month, day] = [Number(found.year), Number(found.month ?? 1), Number(found.day ?? 1)]
    const [hour, minute, second] = [
      Number(found.hour ?? 0),
      Number(found.minute ?? 0),
      Number(found.second ?? 0),
    ]
    const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second))
    const isReal =
      date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60
    if (!isReal) throw new RangeError(`${shown(given)} is no date that exists`)
    return date.getTime()
  }
}

function shown(given: string): string {
  return JSON.stringify(given.slice(0, 60))
}
