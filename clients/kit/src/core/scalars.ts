// The TypeScript types of the graphs' scalars. All of them are texts.

/** A decimal number as text, such as "19.99". A float has no place here: `12.1` does not fit the type. */
export type Decimal = `${number}`
/** An ISO 4217 code, such as "EUR". */
export type Currency = string
/** An instant in UTC, ISO 8601 with milliseconds, such as "2026-01-31T12:00:00.000Z". */
export type DateTime = string

const DECIMAL = /^-?\d{1,13}(\.\d{1,4})?$/

/** Checks what a person typed before it goes into a variable of type Decimal. */
export function isDecimal(text: string): text is Decimal {
  return DECIMAL.test(text)
}

/** Shows money in a language, such as "12,00 €". It is exact: the amount never becomes a float. */
export function formatMoney(
  { amount, currency }: { readonly amount: Decimal; readonly currency: Currency },
  locale?: string,
): string {
  return new Intl.NumberFormat(locale, { style: 'currency', currency }).format(amount)
}
