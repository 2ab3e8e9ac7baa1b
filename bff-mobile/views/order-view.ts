// Turns the gateway's results into the mobile graph's cards and screens: short texts in the user's locale.
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

/** Everything that an order's screen shows. */
export type WholeOrder = NonNullable<OrderScreenQuery['order']>
type Shipment = NonNullable<WholeOrder['shipments']>[number]
/** The error code of each section that could not be loaded. */
export type Failures = Readonly<Partial<Record<OrderSection, string>>>
type Product = ProductsQuery['searchProducts']['nodes'][number]

/** The parents of resolvers of types with dates: they hold instants, which fields format in the requested time zone. */
export type CardView = Omit<OrderCard, 'placed'>
export type ParcelView = Omit<Parcel, 'expected'>
export type ScreenView = Omit<OrderScreen, 'placed' | 'headline' | 'parcels'> & {
  readonly parcels: readonly ParcelView[] | null
  readonly headline: Headline
}
/** Shows `text`, or the day of `expectedAt` when that is known, followed by the remarks. */
type Headline = {
  readonly text: string
  readonly expectedAt: string | null
  readonly remarks: readonly string[]
}

export function orderCard(order: CardPartsFragment, localization: Localization): CardView {
  const progress = orderProgress(factsOf(order))
  return {
    id: order.id,
    number: order.number,
    title: titleOf(order.lines, localization),
    status: statusText(localization, progress, order.refunded),
    tone: progress.tone,
    total: localization.money(order.total),
    placedAt: order.placedAt,
  }
}

function titleOf(lines: CardPartsFragment['lines'], localization: Localization): string {
  const [first, ...others] = lines
  if (!first) return ''
  return others.length === 0 ? first.title : localization.translations.more(first.title, others.length)
}

/** Returns the screen. A section that is null has a notice, with the code of its failure if that is known. */
export function orderScreen(order: WholeOrder, failures: Failures, localization: Localization): ScreenView {
  const progress = orderProgress(factsOf(order))
  return {
    id: order.id,
    number: order.number,
    status: statusText(localization, progress, order.refunded),
    tone: progress.tone,
    placedAt: order.placedAt,
    headline: headlineOf(order, progress, localization),
    lines: order.lines.map(({ sku, title, quantity, total }) => ({
      sku,
      title,
      quantity,
      total: localization.money(total),
    })),
    ...sumsOf(order, localization),
    paid: paidOf(order, localization),
    refunded: Number(order.refunded.amount) > 0 ? localization.money(order.refunded) : null,
    parcels: order.shipments?.map(shipment => parcel(shipment, localization)) ?? null,
    actions: order.allowedActions,
    notices: noticesOf(order, failures, localization),
  }
}

/** Returns the lines of the bill: `items`, `shipping` and `adjustments` add up to `total`. */
function sumsOf({ itemsTotal, shippingFee, adjustments, total }: WholeOrder, localization: Localization) {
  return {
    items: localization.money(itemsTotal),
    shipping: localization.money(shippingFee),
    adjustments: adjustments.map(({ label, amount }) => ({ label, amount: localization.money(amount) })),
    total: localization.money(total),
  }
}

function paidOf({ payments, total: { currency } }: WholeOrder, localization: Localization): string | null {
  if (payments === null) return null
  const minor = (amount: string) => fromDecimal(amount, currency).minor
  const kept = payments.reduce(
    (sum, { captured, refunded }) => sum + minor(captured.amount) - minor(refunded.amount),
    0,
  )
  return localization.money({ amount: toDecimal({ minor: kept, currency }), currency })
}

function noticesOf(order: WholeOrder, failures: Failures, localization: Localization): SectionNotice[] {
  const missing: OrderSection[] = [
    ...(order.payments === null ? (['PAYMENTS'] as const) : []),
    ...(order.shipments === null ? (['SHIPMENTS'] as const) : []),
  ]
  return missing.map(section => ({
    section,
    code: failures[section] ?? 'UNAVAILABLE',
    message: localization.translations.notice[section],
  }))
}

const STILL_COMING: ReadonlySet<Shipment['status']> = new Set([
  'REQUESTED',
  'LABELLED',
  'DISPATCHED',
  'IN_TRANSIT',
  'OUT_FOR_DELIVERY',
])

/** Returns null for a parcel that has arrived, is lost, or was never sent. */
function expectedAt({ estimatedDelivery, status }: Shipment): string | null {
  return STILL_COMING.has(status) ? (estimatedDelivery ?? null) : null
}

/** Returns why the order was cancelled, when it is expected, or which stage it is in. */
function headlineOf(order: WholeOrder, progress: OrderProgress, localization: Localization): Headline {
  const { cancellation, shipments, refunded } = order
  const remarks = remarkTexts(localization, progress, refunded)
  if (cancellation)
    return { text: localization.translations.cancelled[cancellation.reason], expectedAt: null, remarks }
  const expected = (shipments ?? []).flatMap(shipment => expectedAt(shipment) ?? [])
  return {
    text: localization.translations.order[progress.stage],
    expectedAt: expected.sort().at(-1) ?? null,
    remarks,
  }
}

/** Throws CallerError BAD_USER_INPUT for an unknown time zone. */
export function headlineText(
  { text, expectedAt, remarks }: Headline,
  localization: Localization,
  timeZone: string,
): string {
  const first =
    expectedAt === null ? text : localization.translations.expected(localization.date(expectedAt, timeZone))
  return joinParts([first, ...remarks])
}

function parcel(shipment: Shipment, localization: Localization): ParcelView {
  return {
    id: shipment.id,
    status: localization.translations.shipment[shipment.status],
    trackingNumber: shipment.trackingNumber ?? null,
    latest: shipment.tracking.at(-1)?.text ?? null,
    expectedAt: expectedAt(shipment),
  }
}

export function productCard(product: Product, localization: Localization): ProductCard {
  const { stock } = localization.translations
  const texts = { IN_STOCK: stock.in, LOW_STOCK: stock.low, OUT_OF_STOCK: stock.out }
  return {
    sku: product.sku,
    title: product.title,
    price: localization.money(product.price),
    stock: texts[product.availability],
    canOrder: product.availability !== 'OUT_OF_STOCK',
  }
}
