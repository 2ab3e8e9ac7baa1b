// The mobile screens from the gateway's answers: short texts in the user's language. Pure.
import { statusText, type Texts, toneOf } from '#bff-mobile/texts.ts'
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

export function orderCard(order: CardPartsFragment, texts: Texts): OrderCard {
  return {
    id: order.id,
    number: order.number,
    title: titleOf(order.lines, texts),
    status: statusText(texts, order.status, order.awaitingApproval),
    tone: toneOf(order.status, order.awaitingApproval),
    total: texts.money(order.total),
    placed: texts.date(order.placedAt),
  }
}

function titleOf(lines: CardPartsFragment['lines'], texts: Texts): string {
  const [first, ...others] = lines
  if (!first) return ''
  return others.length === 0 ? first.title : texts.words.more(first.title, others.length)
}

/** Sections that are null are missing, and have a notice each; `failures` says why, where it is known. */
export function orderScreen(order: WholeOrder, failures: Failures, texts: Texts): OrderScreen {
  return {
    id: order.id,
    number: order.number,
    status: statusText(texts, order.status, order.awaitingApproval),
    tone: toneOf(order.status, order.awaitingApproval),
    placed: texts.date(order.placedAt),
    headline: headlineOf(order, texts),
    lines: order.lines.map(({ sku, title, quantity, total }) => ({
      sku,
      title,
      quantity,
      total: texts.money(total),
    })),
    items: texts.money(order.itemsTotal),
    shipping: texts.money(order.shippingFee),
    total: texts.money(order.total),
    paid: paidOf(order, texts),
    parcels: order.shipments?.map(shipment => parcel(shipment, texts)) ?? null,
    actions: order.allowedActions,
    notices: noticesOf(order, failures, texts),
  }
}

function paidOf({ payments, total: { currency } }: WholeOrder, texts: Texts): string | null {
  if (payments === null) return null
  const captured = payments.reduce(
    (sum, payment) => sum + fromDecimal(payment.captured.amount, currency).minor,
    0,
  )
  return texts.money({ amount: toDecimal({ minor: captured, currency }), currency })
}

function noticesOf(order: WholeOrder, failures: Failures, texts: Texts): SectionNotice[] {
  const missing: OrderSection[] = [
    ...(order.payments === null ? (['PAYMENTS'] as const) : []),
    ...(order.shipments === null ? (['SHIPMENTS'] as const) : []),
  ]
  return missing.map(section => ({
    section,
    code: failures[section] ?? 'UNAVAILABLE',
    message: texts.words.notice[section],
  }))
}

const STILL_COMING: ReadonlySet<Shipment['status']> = new Set([
  'REQUESTED',
  'LABELLED',
  'DISPATCHED',
  'IN_TRANSIT',
  'OUT_FOR_DELIVERY',
])

/** Why it does not come, or when it comes, or how it stands. */
function headlineOf(order: WholeOrder, texts: Texts): string {
  if (order.cancellation) return texts.words.cancelled[order.cancellation.reason]
  const expected = (order.shipments ?? []).flatMap(({ estimatedDelivery, status }) =>
    estimatedDelivery && STILL_COMING.has(status) ? [estimatedDelivery] : [],
  )
  const last = expected.sort().at(-1)
  return last
    ? texts.words.expected(texts.date(last))
    : statusText(texts, order.status, order.awaitingApproval)
}

function parcel(shipment: Shipment, texts: Texts): Parcel {
  return {
    id: shipment.id,
    status: texts.words.shipment[shipment.status],
    trackingNumber: shipment.trackingNumber ?? null,
    latest: shipment.tracking.at(-1)?.text ?? null,
    expected: shipment.estimatedDelivery ? texts.date(shipment.estimatedDelivery) : null,
  }
}

export function productCard(product: Product, texts: Texts): ProductCard {
  const { stock } = texts.words
  const words = { IN_STOCK: stock.in, LOW_STOCK: stock.low, OUT_OF_STOCK: stock.out }
  return {
    sku: product.sku,
    title: product.title,
    price: texts.money(product.price),
    stock: words[product.availability],
    canOrder: product.availability !== 'OUT_OF_STOCK',
  }
}
