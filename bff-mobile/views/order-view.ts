// The mobile screens from the gateway's answers: short texts in the user's language. Pure.

import { joinParts, type Localization, remarkTexts, statusText } from '#bff-mobile/views/localization.ts'
import { factsOf, type OrderProgress, orderProgress } from '#bff-mobile/views/order-progress.ts'
import { fromDecimal, toDecimal } from '#platform/domain/money.ts'
import type {
  OrderCard,
  OrderScreen,
  OrderSection,
  Parcel,
  ProductCard,
  SectionNotice,
} from '#schema/generated/bff-mobile.ts'
import type {
  CardPartsFragment,
  OrderScreenQuery,
  ProductsQuery,
} from '#schema/generated/bff-mobile-operations.ts'

/** All that an order's screen shows. */
export type WholeOrder = NonNullable<OrderScreenQuery['order']>
type Shipment = NonNullable<WholeOrder['shipments']>[number]
/** Why a section could not be loaded: a code of the error catalogue. */
export type Failures = Readonly<Partial<Record<OrderSection, string>>>
type Product = ProductsQuery['searchProducts']['nodes'][number]

/** What resolvers get of the types that have dates: the instants, which the fields put into the time zone asked for. */
export type CardView = Omit<OrderCard, 'placed'>
export type ParcelView = Omit<Parcel, 'expected'>
export type ScreenView = Omit<OrderScreen, 'placed' | 'headline' | 'parcels'> & {
  readonly parcels: readonly ParcelView[] | null
  readonly headline: Headline
}
/** `text`, or the day of `expectedAt` when that is known, and the remarks behind it. */
type Headline = {
  readonly text: string
  readonly expectedAt: string | null
  readonly remarks: readonly string[]
}

export function orderCard(order: CardPartsFragment, texts: Localization): CardView {
  const situation = orderProgress(factsOf(order))
  return {
    id: order.id,
    number: order.number,
    title: titleOf(order.lines, texts),
    status: statusText(texts, situation, order.refunded),
    tone: situation.tone,
    total: texts.money(order.total),
    placedAt: order.placedAt,
  }
}

function titleOf(lines: CardPartsFragment['lines'], texts: Localization): string {
  const [first, ...others] = lines
  if (!first) return ''
  return others.length === 0 ? first.title : texts.translations.more(first.title, others.length)
}

/** Sections that are null are missing, and have a notice each; `failures` says why, where it is known. */
export function orderScreen(order: WholeOrder, failures: Failures, texts: Localization): ScreenView {
  const situation = orderProgress(factsOf(order))
  return {
    id: order.id,
    number: order.number,
    status: statusText(texts, situation, order.refunded),
    tone: situation.tone,
    placedAt: order.placedAt,
    headline: headlineOf(order, situation, texts),
    lines: order.lines.map(({ sku, title, quantity, total }) => ({
      sku,
      title,
      quantity,
      total: texts.money(total),
    })),
    ...sumsOf(order, texts),
    paid: paidOf(order, texts),
    refunded: Number(order.refunded.amount) > 0 ? texts.money(order.refunded) : null,
    parcels: order.shipments?.map(shipment => parcel(shipment, texts)) ?? null,
    actions: order.allowedActions,
    notices: noticesOf(order, failures, texts),
  }
}

/** The lines of the bill: `items`, `shipping` and `adjustments` come to `total`. */
function sumsOf({ itemsTotal, shippingFee, adjustments, total }: WholeOrder, texts: Localization) {
  return {
    items: texts.money(itemsTotal),
    shipping: texts.money(shippingFee),
    adjustments: adjustments.map(({ label, amount }) => ({ label, amount: texts.money(amount) })),
    total: texts.money(total),
  }
}

function paidOf({ payments, total: { currency } }: WholeOrder, texts: Localization): string | null {
  if (payments === null) return null
  const minor = (amount: string) => fromDecimal(amount, currency).minor
  const kept = payments.reduce(
    (sum, { captured, refunded }) => sum + minor(captured.amount) - minor(refunded.amount),
    0,
  )
  return texts.money({ amount: toDecimal({ minor: kept, currency }), currency })
}

function noticesOf(order: WholeOrder, failures: Failures, texts: Localization): SectionNotice[] {
  const missing: OrderSection[] = [
    ...(order.payments === null ? (['PAYMENTS'] as const) : []),
    ...(order.shipments === null ? (['SHIPMENTS'] as const) : []),
  ]
  return missing.map(section => ({
    section,
    code: failures[section] ?? 'UNAVAILABLE',
    message: texts.translations.notice[section],
  }))
}

const STILL_COMING: ReadonlySet<Shipment['status']> = new Set([
  'REQUESTED',
  'LABELLED',
  'DISPATCHED',
  'IN_TRANSIT',
  'OUT_FOR_DELIVERY',
])

/** Null for a parcel that has arrived, is lost, or was never sent. */
function expectedAt({ estimatedDelivery, status }: Shipment): string | null {
  return STILL_COMING.has(status) ? (estimatedDelivery ?? null) : null
}

/** Why it does not come, or when it comes, or how it stands. */
function headlineOf(order: WholeOrder, situation: OrderProgress, texts: Localization): Headline {
  const { cancellation, shipments, refunded } = order
  const remarks = remarkTexts(texts, situation, refunded)
  if (cancellation)
    return { text: texts.translations.cancelled[cancellation.reason], expectedAt: null, remarks }
  const expected = (shipments ?? []).flatMap(shipment => expectedAt(shipment) ?? [])
  return {
    text: texts.translations.order[situation.stage],
    expectedAt: expected.sort().at(-1) ?? null,
    remarks,
  }
}

/** Throws CallerError for a time zone that is none. */
export function headlineText(
  { text, expectedAt, remarks }: Headline,
  texts: Localization,
  timeZone: string,
): string {
  const first = expectedAt === null ? text : texts.translations.expected(texts.date(expectedAt, timeZone))
  return joinParts([first, ...remarks])
}

function parcel(shipment: Shipment, texts: Localization): ParcelView {
  return {
    id: shipment.id,
    status: texts.translations.shipment[shipment.status],
    trackingNumber: shipment.trackingNumber ?? null,
    latest: shipment.tracking.at(-1)?.text ?? null,
    expectedAt: expectedAt(shipment),
  }
}

export function productCard(product: Product, texts: Localization): ProductCard {
  const { stock } = texts.translations
  const words = { IN_STOCK: stock.in, LOW_STOCK: stock.low, OUT_OF_STOCK: stock.out }
  return {
    sku: product.sku,
    title: product.title,
    price: texts.money(product.price),
    stock: words[product.availability],
    canOrder: product.availability !== 'OUT_OF_STOCK',
  }
}
