// Tests the read models of orders: the documents of a history, and that a replay gives the same.
import { expect, test } from 'vitest'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import type { View } from '#platform/read-models/projection.ts'
import type { Document } from '#platform/read-models/read-models.ts'
import type { CustomerEvent } from '#subgraphs/orders/domain/customer.ts'
import type { OrderEvent } from '#subgraphs/orders/domain/events.ts'
import { absent, evolve } from '#subgraphs/orders/domain/order.ts'
import { customersView, ordersView, totalsView } from '#subgraphs/orders/queries/views.ts'
import { AT, CUSTOMER_ID, ORDER_ID, placedEvent, usd } from '#test/subgraphs/orders/domain/order-fixture.ts'

const OTHER_ID = 'ord_0190a5b2-7c1e-7000-8000-0123456789ac'

function record(events: readonly { type: string; data: RecordedEvent['data'] }[]): RecordedEvent[] {
  return events.map(({ type, data }, index) => ({
    position: index + 1,
    stream: `order-${data.orderId ?? data.customerId}`,
    version: index + 1,
    id: `evt-${index}`,
    type,
    schema: 1,
    data: JSON.parse(JSON.stringify(data)),
    meta: {},
    recordedAt: AT,
  }))
}

function project<Doc extends Document>(view: View<Doc>, events: readonly RecordedEvent[]): Map<string, Doc> {
  const docs = new Map<string, Doc>()
  for (const change of events.flatMap(event => view.project(event))) {
    const doc = change.update(docs.get(change.id))
    if (doc === undefined) docs.delete(change.id)
    else docs.set(change.id, doc)
  }
  return docs
}

const moved = <From extends string, To extends string>(from: From, to: To, orderId = ORDER_ID) => ({
  orderId,
  customerId: CUSTOMER_ID,
  at: AT,
  from,
  to,
})
const history: OrderEvent[] = [
  placedEvent(),
  placedEvent({ orderId: OTHER_ID, total: usd(100) }),
  { type: 'OrderConfirmed', data: moved('PLACED', 'CONFIRMED') },
  {
    type: 'OrderCancelled',
    data: {
      ...moved('PLACED', 'CANCELLED', OTHER_ID),
      reason: 'OUT_OF_STOCK',
      message: 'Gone.',
      details: {},
      total: usd(100),
    },
  },
  {
    type: 'OrderShipped',
    data: {
      ...moved('CONFIRMED', 'PARTIALLY_SHIPPED'),
      shipmentId: 'shp_1',
      lines: [{ sku: 'MUG', quantity: 1 }],
    },
  },
  {
    type: 'OrderDelivered',
    data: { ...moved('PARTIALLY_SHIPPED', 'PARTIALLY_SHIPPED'), shipmentId: 'shp_1' },
  },
]

test('the document of an order is its state, with its stage and the position of its last change', () => {
  const docs = project(ordersView, record(history))
  const own = history.filter(event => event.data.orderId === ORDER_ID)
  expect(docs.get(ORDER_ID)).toEqual({ ...own.reduce(evolve, absent), changedAt: 6, stage: 'OPEN' })
  expect(docs.get(OTHER_ID)).toMatchObject({ status: 'CANCELLED', stage: 'CANCELLED', changedAt: 4 })
})

test('an order is found by the words of its id, number, reference, customer, recipient and SKUs', () => {
  const doc = project(ordersView, record([placedEvent()])).get(ORDER_ID)
  if (!doc) throw new Error('there is no document')
  expect(ordersView.collection.terms?.(doc)).toEqual([
    ORDER_ID,
    'W014D2PF2DB',
    'PO-77',
    'Ada Byron',
    'ada@example.com',
    'Ada',
    'MUG',
    'POT',
  ])
})

test('totals count each order once by status, and sum what was placed and cancelled', () => {
  expect(project(totalsView, record(history)).get('all')).toEqual({
    counts: { PLACED: 0, CONFIRMED: 0, CANCELLED: 1, PARTIALLY_SHIPPED: 1 },
    placed: { USD: 8600 },
    cancelled: { USD: 100 },
  })
})

test('events of a type that this build does not know change nothing', () => {
  const events = record([...history, { type: 'OrderGiftWrapped', data: { orderId: ORDER_ID } }])
  expect(project(ordersView, events)).toEqual(project(ordersView, record(history)))
  expect(project(totalsView, events)).toEqual(project(totalsView, record(history)))
})

test('replaying a history gives the same documents', () => {
  for (const view of [ordersView, totalsView] as View<Document>[])
    expect(project(view, record(history))).toEqual(project(view, record(history)))
})

test('the document of a customer is the newest profile', () => {
  const profile = { customerId: CUSTOMER_ID, name: 'Ada', email: 'ada@example.com', at: AT }
  const events: CustomerEvent[] = [
    { type: 'CustomerRegistered', data: profile },
    { type: 'CustomerChanged', data: { ...profile, name: 'Ada L' } },
  ]
  expect(project(customersView, record(events)).get(CUSTOMER_ID)).toMatchObject({
    name: 'Ada L',
    registeredAt: AT,
  })
})
