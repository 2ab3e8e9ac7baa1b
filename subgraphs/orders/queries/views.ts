// Defines the read models of orders: which events change which documents.
import type { View } from '#platform/read-models/projection.ts'
import { projectEvents } from '#platform/subgraph/project-events.ts'
import { createStages, type Stage } from '#platform/subgraph/stages.ts'
import { customerAggregate, orderAggregate } from '#subgraphs/orders/domain/aggregate.ts'
import {
  type CustomerEvent,
  evolve as evolveCustomer,
  absent as noCustomer,
  type RegisteredCustomer,
} from '#subgraphs/orders/domain/customer.ts'
import type { OrderEvent, OrderStatus } from '#subgraphs/orders/domain/events.ts'
import { evolve as evolveOrder, absent as noOrder, type PlacedOrder } from '#subgraphs/orders/domain/order.ts'

export const stages = createStages<OrderStatus>(['COMPLETED', 'CANCELLED', 'RETURNED'])

/** An order's state, and the position of the event that changed it last. */
export type OrderDoc = PlacedOrder & { readonly changedAt: number; readonly stage: Stage<OrderStatus> }

/** One document per order, by order id: its state, folded by the domain's own `evolve`. */
export const ordersView: View<OrderDoc> = {
  collection: {
    name: 'orders',
    version: 5,
    indexes: [['placedAt'], ['customer.id', 'placedAt'], ['stage', 'placedAt']],
    moving: ['status', 'changedAt'],
    terms: ({ id, number, reference, customer, deliveryAddress, lines }) => [
      id,
      number,
      reference ?? '',
      customer.name,
      customer.email,
      deliveryAddress.name,
      ...lines.map(({ sku }) => sku),
    ],
  },
  categories: [orderAggregate.category],
  ownStream: true,
  project: projectEvents(orderAggregate, (event, { position }) => [
    { id: event.data.orderId, update: doc => orderAfter(doc, event, position) },
  ]),
}

function orderAfter(doc: OrderDoc | undefined, event: OrderEvent, changedAt: number): OrderDoc | undefined {
  const before = doc ? orderOf(doc) : noOrder
  const order = evolveOrder(before, event)
  if (order === before || order.status === 'ABSENT') return doc
  return { changedAt, stage: stages.of(order.status), ...order }
}

function orderOf({ changedAt: _at, stage: _stage, ...order }: OrderDoc): PlacedOrder {
  return order
}

/** One document per customer, by customer id: its profile. */
export const customersView: View<RegisteredCustomer> = {
  collection: { name: 'customers', version: 1, indexes: [] },
  categories: [customerAggregate.category],
  ownStream: true,
  project: projectEvents(customerAggregate, event => [
    { id: event.data.customerId, update: doc => customerAfter(doc, event) },
  ]),
}

function customerAfter(
  doc: RegisteredCustomer | undefined,
  event: CustomerEvent,
): RegisteredCustomer | undefined {
  const customer = evolveCustomer(doc ?? noCustomer, event)
  return customer.status === 'ABSENT' ? undefined : customer
}

/** `counts` by status, of orders; `placed` and `cancelled` by currency, in minor units. */
export type TotalsDoc = {
  readonly counts: Readonly<Partial<Record<OrderStatus, number>>>
  readonly placed: Readonly<Record<string, number>>
  readonly cancelled: Readonly<Record<string, number>>
}

export const TOTALS_ID = 'all'
export const noTotals: TotalsDoc = { counts: {}, placed: {}, cancelled: {} }

/** A single document, `all`. */
export const totalsView: View<TotalsDoc> = {
  collection: { name: 'order_totals', version: 1, indexes: [] },
  categories: [orderAggregate.category],
  project: projectEvents(orderAggregate, event =>
    changesTotals(event) ? [{ id: TOTALS_ID, update: doc => totalsAfter(doc ?? noTotals, event) }] : [],
  ),
}

function changesTotals(event: OrderEvent): boolean {
  return event.type === 'OrderPlaced' || ('from' in event.data && event.data.from !== event.data.to)
}

function totalsAfter(totals: TotalsDoc, event: OrderEvent): TotalsDoc {
  if (event.type === 'OrderPlaced')
    return {
      ...totals,
      counts: add(totals.counts, 'PLACED', 1),
      placed: add(totals.placed, event.data.total.currency, event.data.total.minor),
    }
  if (!('from' in event.data)) return totals
  const counts = add(add(totals.counts, event.data.from, -1), event.data.to, 1)
  if (event.type !== 'OrderCancelled') return { ...totals, counts }
  const { currency, minor } = event.data.total
  return { ...totals, counts, cancelled: add(totals.cancelled, currency, minor) }
}

function add<Key extends string>(
  sums: Readonly<Partial<Record<Key, number>>>,
  key: Key,
  more: number,
): Record<string, number> {
  return { ...sums, [key]: (sums[key] ?? 0) + more } as Record<string, number>
}

export const views = [ordersView, customersView, totalsView]
