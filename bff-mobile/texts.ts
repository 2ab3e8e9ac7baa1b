// Texts of the mobile screens in the user's language: statuses, money, dates. Pure; unknown locales fall back to en-US.
import { ENGLISH, GERMAN, PORTUGUESE, type Words } from '#bff-mobile/words.ts'
import type { OrderStatus } from '#schema/generated/bff-mobile-operations.ts'

export type Tone = 'WAITING' | 'ACTIVE' | 'DONE' | 'PROBLEM'

const LANGUAGES: Readonly<Record<string, Words>> = { en: ENGLISH, de: GERMAN, pt: PORTUGUESE }
const FALLBACK = 'en-US'

const TONES: Readonly<Record<OrderStatus, Tone>> = {
  PLACED: 'WAITING',
  CONFIRMED: 'ACTIVE',
  PARTIALLY_SHIPPED: 'ACTIVE',
  SHIPPED: 'ACTIVE',
  DELIVERED: 'DONE',
  COMPLETED: 'DONE',
  CANCELLED: 'PROBLEM',
  RETURNED: 'DONE',
}

export type Texts = {
  readonly locale: string
  readonly words: Words
  readonly money: (money: { readonly amount: string; readonly currency: string }) => string
  readonly date: (instant: string) => string
}

/** Between a language and its weight, with the spaces that RFC 9110 allows. */
const WEIGHT = /[ \t]*;[ \t]*q=/i

/** The first locale of an Accept-Language header that there are texts for. At most 20 of its entries are looked at. */
export function chooseLocale(header: string | undefined): string {
  const wanted = (header ?? '')
    .slice(0, 400)
    .split(',', 20)
    .map(entry => {
      const [tag = '', weight] = entry.split(WEIGHT)
      return { tag: tag.trim(), weight: weight === undefined ? 1 : Number(weight) }
    })
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight)
  for (const { tag } of wanted) {
    const locale = canonical(tag)
    if (locale && LANGUAGES[languageOf(locale)]) return locale
  }
  return FALLBACK
}

/** The texts that a request asks for. */
export function textsOf({ language }: { readonly language?: string | undefined }): Texts {
  return textsFor(chooseLocale(language))
}

function canonical(tag: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(tag)[0]
  } catch {
    return undefined
  }
}

function languageOf(locale: string): string {
  return locale.split('-', 1)[0] ?? ''
}

/** The texts of `locale`, which comes from `chooseLocale`. Formatters are kept for the few locales in use. */
export function textsFor(locale: string): Texts {
  const known = cache.get(locale)
  if (known) return known
  const texts = createTexts(locale)
  if (cache.size >= CACHED_LOCALES) cache.clear()
  cache.set(locale, texts)
  return texts
}

const CACHED_LOCALES = 50
const cache = new Map<string, Texts>()

function createTexts(locale: string): Texts {
  const dates = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' })
  const currencies = new Map<string, Intl.NumberFormat>()
  const formatter = (currency: string): Intl.NumberFormat => {
    const existing =
      currencies.get(currency) ?? new Intl.NumberFormat(locale, { style: 'currency', currency })
    if (currencies.size < CACHED_LOCALES) currencies.set(currency, existing)
    return existing
  }
  return {
    locale,
    words: LANGUAGES[languageOf(locale)] ?? ENGLISH,
    // A decimal string keeps its exact value: Intl formats text without going through a float.
    money: ({ amount, currency }) => formatter(currency).format(amount as Intl.StringNumericLiteral),
    date: instant => dates.format(new Date(instant)),
  }
}

export function toneOf(status: OrderStatus, awaitingApproval: boolean): Tone {
  return awaitingApproval && status === 'PLACED' ? 'WAITING' : TONES[status]
}

export function statusText(texts: Texts, status: OrderStatus, awaitingApproval: boolean): string {
  return awaitingApproval && status === 'PLACED' ? texts.words.approval : texts.words.order[status]
}
