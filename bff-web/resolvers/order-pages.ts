// The cached pages about orders and customers: the gateway query of each, the tags that drop it, and how long it is kept.
import { tag } from '#bff/pages/cache-tags.ts'
import { definePage } from '#bff/pages/pages.ts'
import {
  OrderPageDocument,
  OrderSummaryDocument,
  OrdersDocument,
  OwnedOrderAsOfDocument,
  ProfileDocument,
  ShipmentDocument,
} from '#schema/generated/bff-web-operations.ts'

const MINUTE_MS = 60_000
/** Events drop the pages that they change: the time only bounds the effect of a lost event. */
const LIFETIME = { ttlMs: 10 * MINUTE_MS, staleMs: 20 * MINUTE_MS } as const

/** Cached once for each set of sections. */
export const orderPage = definePage({
  name: 'order',
  document: OrderPageDocument,
  ...LIFETIME,
  tags: {
    always: ({ id }) => [tag.order(id)],
    of({ order }, { products }) {
      if (!order) return []
      const skus = products ? new Set(order.lines.map(({ sku }) => sku)) : []
      return [tag.customer(order.customer.id), ...[...skus].map(tag.product)]
    },
  },
  isThere: ({ order }) => Boolean(order),
})

export const orderSummary = definePage({
  name: 'order-light',
  document: OrderSummaryDocument,
  ...LIFETIME,
  tags: {
    always: ({ id }) => [tag.order(id)],
    of: ({ order }) => (order ? [tag.customer(order.customer.id)] : []),
  },
  isThere: ({ order }) => Boolean(order),
})

/** A list of one customer's orders changes with that customer's orders alone; any other with every order. */
export const orderList = definePage({
  name: 'order-list',
  document: OrdersDocument,
  ...LIFETIME,
  tags: {
    always({ filter }) {
      const customerId = filter?.customerId
      return customerId ? [tag.ordersOf(customerId), tag.customer(customerId)] : [tag.orders]
    },
    of({ orders }, { products, reservation, payments, shipments }) {
      const nodes = orders.edges.map(({ node }) => node)
      const skus = products ? nodes.flatMap(({ lines }) => lines.map(({ sku }) => sku)) : []
      // The list's own tags tell of events of orders alone; sections of other services change with theirs.
      const ids = reservation || payments || shipments ? nodes.map(({ id }) => tag.order(id)) : []
      return [
        ...new Set([
          ...nodes.map(({ customer }) => tag.customer(customer.id)),
          ...skus.map(tag.product),
          ...ids,
        ]),
      ]
    },
  },
})

/** An order at an instant whose events are all recorded: no later event changes it, so no tag drops it. */
export const pastOrder = definePage({
  name: 'order-as-of',
  document: OwnedOrderAsOfDocument,
  ttlMs: 60 * MINUTE_MS,
  tags: { always: () => [] },
  isThere: ({ order }) => Boolean(order),
})

/** A parcel changes with the events of its order. */
export const shipmentPage = definePage({
  name: 'shipment',
  document: ShipmentDocument,
  ...LIFETIME,
  tags: {
    always: () => [],
    of: ({ shipment }) => (shipment ? [tag.order(shipment.order.id)] : []),
  },
  isThere: ({ shipment }) => Boolean(shipment),
})

export const profile = definePage({
  name: 'profile',
  document: ProfileDocument,
  ...LIFETIME,
  tags: { always: ({ id }) => [tag.customer(id)] },
  isThere: ({ customer }) => Boolean(customer),
})
