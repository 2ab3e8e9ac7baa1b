// Tests following an order event by event, from a state that may hold some of the events already.
import { expect, test } from 'vitest'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import { followOrder } from '#subgraphs/orders/commands/order-watch.ts'
import type { OrderEvent } from '#subgraphs/orders/domain/events.ts'
import type { PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import { place, rejectCancellation, requestCancellation } from '#subgraphs/orders/domain/order-commands.ts'
import {
  AT,
  CUSTOMER_ID,
  given,
  must,
  ORDER_ID,
  placement,
} from '#test/subgraphs/orders/domain/order-fixture.ts'

const noted = { orderId: ORDER_ID, customerId: CUSTOMER_ID, at: AT }
const requested: OrderEvent = { type: 'CancellationRequested', data: noted }
const confirmed: OrderEvent = { type: 'OrderConfirmed', data: { ...noted, from: 'PLACED', to: 'CONFIRMED' } }

function recorded(version: number, { type, data }: OrderEvent): RecordedEvent {
  return {
    ...{ position: 10 + version, stream: `order-${ORDER_ID}`, version, id: `e${version}`, type, schema: 1 },
    ...{ data, meta: {}, recordedAt: AT },
  }
}

function watching(...events: RecordedEvent[]) {
  return { next: async () => events.shift(), [Symbol.dispose]: () => {} }
}

const never = () => false
const isConfirmed = (order: PlacedOrder) => order.status === 'CONFIRMED'

test('followOrder skips events that the state holds already', async () => {
  const order = must(
    given(
      o => place(o, placement()),
      o => requestCancellation(o, { at: AT }),
      o => rejectCancellation(o, { message: 'Too late.', at: AT }),
    ),
  )
  const known = { order, version: 3, position: 13 }
  expect(await followOrder(watching(recorded(2, requested)), known, never)).toEqual(known)
  const settled = await followOrder(
    watching(recorded(2, requested), recorded(4, confirmed)),
    known,
    isConfirmed,
  )
  expect(settled).toMatchObject({
    version: 4,
    position: 14,
    order: { status: 'CONFIRMED', cancellationRequested: false },
  })
})

test('followOrder does not wait for an order that has reached the state already, nor without a watch', async () => {
  const known = { order: must(given(o => place(o, placement()))), version: 1, position: 11 }
  expect(await followOrder(undefined, known, never)).toBe(known)
  const unread = watching(recorded(2, requested))
  expect(await followOrder(unread, known, () => true)).toBe(known)
  expect((await unread.next())?.version).toBe(2)
})
