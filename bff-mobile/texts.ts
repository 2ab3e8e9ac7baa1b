// Texts of the mobile screens in the user's language: statuses, money, dates. Pure; unknown locales fall back to en-US.
import type { OrderStatus, ShipmentStatus } from '#schema/generated/bff-mobile-operations.ts'

export type Tone = 'WAITING' | 'ACTIVE' | 'DONE' | 'PROBLEM'

type Words = {
  readonly order: Readonly<Record<OrderStatus, string>>
  readonly shipment: Readonly<Record<ShipmentStatus, string>>
  readonly approval: string
  readonly more: (title: string, count: number) => string
  readonly expected: (date: string) => string
  readonly stock: { readonly in: string; readonly low: string; readonly out: string }
}

const ENGLISH: Words = {
  order: {
    PLACED: 'Being confirmed',
    CONFIRMED: 'Confirmed',
    PARTIALLY_SHIPPED: 'Partly on its way',
    SHIPPED: 'On its way',
    DELIVERED: 'Delivered',
    COMPLETED: 'Delivered',
    CANCELLED: 'Cancelled',
    RETURNED: 'Returned',
  },
  shipment: {
    REQUESTED: 'Being packed',
    LABELLED: 'Ready to go',
    REFUSED: 'Not accepted by the carrier',
    CANCELLED: 'Cancelled',
    DISPATCHED: 'Handed to the carrier',
    IN_TRANSIT: 'On its way',
    OUT_FOR_DELIVERY: 'Arriving today',
    DELIVERED: 'Delivered',
    LOST: 'Lost',
  },
  approval: 'Waiting for your payment',
  more: (title, count) => `${title} and ${count} more`,
  expected: date => `Expected ${date}`,
  stock: { in: 'In stock', low: 'Only a few left', out: 'Sold out' },
}

const GERMAN: Words = {
  order: {
    PLACED: 'Wird bestätigt',
    CONFIRMED: 'Bestätigt',
    PARTIALLY_SHIPPED: 'Teilweise unterwegs',
    SHIPPED: 'Unterwegs',
    DELIVERED: 'Zugestellt',
    COMPLETED: 'Zugestellt',
    CANCELLED: 'Storniert',
    RETURNED: 'Zurückgeschickt',
  },
  shipment: {
    REQUESTED: 'Wird gepackt',
    LABELLED: 'Versandbereit',
    REFUSED: 'Vom Versender abgelehnt',
    CANCELLED: 'Storniert',
    DISPATCHED: 'An den Versender übergeben',
    IN_TRANSIT: 'Unterwegs',
    OUT_FOR_DELIVERY: 'Kommt heute',
    DELIVERED: 'Zugestellt',
    LOST: 'Verloren gegangen',
  },
  approval: 'Wartet auf Ihre Zahlung',
  more: (title, count) => `${title} und ${count} weitere`,
  expected: date => `Erwartet am ${date}`,
  stock: { in: 'Auf Lager', low: 'Nur noch wenige', out: 'Ausverkauft' },
}

const PORTUGUESE: Words = {
  order: {
    PLACED: 'Em confirmação',
    CONFIRMED: 'Confirmado',
    PARTIALLY_SHIPPED: 'Parcialmente a caminho',
    SHIPPED: 'A caminho',
    DELIVERED: 'Entregue',
    COMPLETED: 'Entregue',
    CANCELLED: 'Cancelado',
    RETURNED: 'Devolvido',
  },
  shipment: {
    REQUESTED: 'Em preparação',
    LABELLED: 'Pronto para envio',
    REFUSED: 'Recusado pela transportadora',
    CANCELLED: 'Cancelado',
    DISPATCHED: 'Entregue à transportadora',
    IN_TRANSIT: 'A caminho',
    OUT_FOR_DELIVERY: 'Chega hoje',
    DELIVERED: 'Entregue',
    LOST: 'Extraviado',
  },
  approval: 'Aguardando o seu pagamento',
  more: (title, count) => `${title} e mais ${count}`,
  expected: date => `Previsto para ${date}`,
  stock: { in: 'Em estoque', low: 'Últimas unidades', out: 'Esgotado' },
}

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
