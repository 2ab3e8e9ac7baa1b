// Texts of the mobile screens in the user's language: statuses, money, dates. Pure; unknown locales fall back to en-US.
import type { OrderProgress } from '#bff-mobile/views/order-progress.ts'
import { ENGLISH, GERMAN, PORTUGUESE, type Translations } from '#bff-mobile/views/translations.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { MoneyText } from '#platform/graphql/scalars.ts'

const LANGUAGES: Readonly<Record<string, Translations>> = { en: ENGLISH, de: GERMAN, pt: PORTUGUESE }
const FALLBACK = 'en-US'

export type Localization = {
  readonly locale: string
  readonly translations: Translations
  readonly money: (money: MoneyText) => string
  /** The day of an instant in an IANA time zone, or at an offset such as +09:00. Throws CallerError for what is neither. */
  readonly date: (instant: string, timeZone: string) => string
}

/** Between a language and its weight, with the spaces that RFC 9110 allows. */
const WEIGHT = /[ \t]*;[ \t]*q=/i

/** The first locale of an Accept-Language header that there are texts for. At most 20 of its entries are looked at. */
export function negotiateLocale(header: string | undefined): string {
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
export function localizationOf({ language }: { readonly language?: string | undefined }): Localization {
  return localizationFor(negotiateLocale(language))
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
export function localizationFor(locale: string): Localization {
  const known = cache.get(locale)
  if (known) return known
  const texts = createTexts(locale)
  if (cache.size >= CACHED_LOCALES) cache.clear()
  cache.set(locale, texts)
  return texts
}

const CACHED_LOCALES = 50
const CACHED_ZONES = 100
const cache = new Map<string, Localization>()

function createTexts(locale: string): Localization {
  const currencies = new Map<string, Intl.NumberFormat>()
  const formatter = (currency: string): Intl.NumberFormat => {
    const existing =
      currencies.get(currency) ?? new Intl.NumberFormat(locale, { style: 'currency', currency })
    if (currencies.size < CACHED_LOCALES) currencies.set(currency, existing)
    return existing
  }
  const zones = new Map<string, Intl.DateTimeFormat>()
  const calendar = (timeZone: string): Intl.DateTimeFormat => {
    const existing = zones.get(timeZone) ?? calendarOf(locale, timeZone)
    if (zones.size < CACHED_ZONES) zones.set(timeZone, existing)
    return existing
  }
  return {
    locale,
    translations: LANGUAGES[languageOf(locale)] ?? ENGLISH,
    // A decimal string keeps its exact value: Intl formats text without going through a float.
    money: ({ amount, currency }) => formatter(currency).format(amount as Intl.StringNumericLiteral),
    date: (instant, timeZone) => calendar(timeZone).format(new Date(instant)),
  }
}

function calendarOf(locale: string, timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone })
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    const got = JSON.stringify(timeZone.slice(0, 60))
    const expected = 'a time zone such as Europe/Berlin, or an offset such as +09:00'
    throw new CallerError('BAD_USER_INPUT', `timeZone: should be ${expected}; got ${got}`, {
      field: 'timeZone',
    })
  }
}

/** The order's progress, and behind it what else happened: "Lost on its way · $27.94 refunded". */
export function statusText(texts: Localization, situation: OrderProgress, refunded: MoneyText): string {
  return joinParts([texts.translations.order[situation.stage], ...remarkTexts(texts, situation, refunded)])
}

export function remarkTexts(texts: Localization, { remarks }: OrderProgress, refunded: MoneyText): string[] {
  return remarks.map(remark => texts.translations.remark[remark](texts.money(refunded)))
}

export function joinParts(parts: readonly string[]): string {
  return parts.join(' · ')
}
