// The mobile screens from the gateway's answers: short texts in the user's language. Pure.
import { statusText, type Texts, toneOf } from '#bff-mobile/texts.ts'
import { fromDecimal, toDecimal } from '#platform/domain/money.ts'
import type { OrderCard, OrderScreen, Parcel, ProductCard } from '#schema/generated/bff-mobile.ts'
import type {
  CardPartsFragment,
  OrderScreenQuery,
  ProductsQuery,
} from '#schema/generated/bff-mobile-operations.ts'

export type Order = NonNullable<OrderScreenQuery['order']>
type Shipment = Order['shipments'][number]
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

export function orderScreen(order: Order, texts: Texts): OrderScreen {
  const { currency } = order.total
  const captured = order.payments.reduce(
    (sum, payment) => sum + fromDecimal(payment.captured.amount, currency).minor,
    0,
  )
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
    paid: texts.money({ amount: toDecimal({ minor: captured, currency }), currency }),
    parcels: order.shipments.map(shipment => parcel(shipment, texts)),
    actions: order.allowedActions,
  }
}

const STILL_COMING: ReadonlySet<Shipment['status']> = new Set([
  'REQUESTED',
  'LABELLED',
  'DISPATCHED',
  'IN_TRANSIT',
  'OUT_FOR_DELIVERY',
])

/** Why it does not come, or when it comes, or how it stands. */
function headlineOf(order: Order, texts: Texts): string {
  if (order.cancellation) return order.cancellation.message
  const expected = order.shipments.flatMap(({ estimatedDelivery, status }) =>
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
