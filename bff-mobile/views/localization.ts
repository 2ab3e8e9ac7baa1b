// Formats statuses, money and dates in the user's locale; locales without translations fall back to en-US.
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
  /** Formats the day of an instant in an IANA time zone or at an offset such as +09:00. Throws CallerError for neither. */
  readonly date: (instant: string, timeZone: string) => string
}

/** Separates a language from its weight, with the spaces that RFC 9110 allows. */
const WEIGHT = /[ \t]*;[ \t]*q=/i

/** Returns the best locale of an Accept-Language header that has translations. Only its first 20 entries count. */
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

/** Returns the localization that a request asks for. */
export function localizationOf({ language }: { readonly language?: string | undefined }): Localization {
  return localizationFor(negotiateLocale(language))
}

function canonical(tag: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(tag)[0]
  } catch {
    return undefined // the tag is malformed
  }
}

function languageOf(locale: string): string {
  return locale.split('-', 1)[0] ?? ''
}

/** Returns the localization of `locale`, which comes from `negotiateLocale`. Formatters are cached for the locales in use. */
export function localizationFor(locale: string): Localization {
  const cached = cache.get(locale)
  if (cached) return cached
  const localization = createLocalization(locale)
  if (cache.size >= MAX_LOCALES) cache.clear()
  cache.set(locale, localization)
  return localization
}

const MAX_LOCALES = 50
const MAX_TIME_ZONES = 100
const cache = new Map<string, Localization>()

function createLocalization(locale: string): Localization {
  const currencies = new Map<string, Intl.NumberFormat>()
  const formatter = (currency: string): Intl.NumberFormat => {
    const existing =
      currencies.get(currency) ?? new Intl.NumberFormat(locale, { style: 'currency', currency })
    if (currencies.size < MAX_LOCALES) currencies.set(currency, existing)
    return existing
  }
  const zones = new Map<string, Intl.DateTimeFormat>()
  const calendar = (timeZone: string): Intl.DateTimeFormat => {
    const existing = zones.get(timeZone) ?? calendarOf(locale, timeZone)
    if (zones.size < MAX_TIME_ZONES) zones.set(timeZone, existing)
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

/** Returns the order's stage, followed by what else happened to it: "Lost on its way · $27.94 refunded". */
export function statusText(localization: Localization, progress: OrderProgress, refunded: MoneyText): string {
  return joinParts([
    localization.translations.order[progress.stage],
    ...remarkTexts(localization, progress, refunded),
  ])
}

export function remarkTexts(
  localization: Localization,
  { remarks }: OrderProgress,
  refunded: MoneyText,
): string[] {
  return remarks.map(remark => localization.translations.remark[remark](localization.money(refunded)))
}

export function joinParts(parts: readonly string[]): string {
  return parts.join(' · ')
}
