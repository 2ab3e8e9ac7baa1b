// Tests which events become which inputs of a fulfilment, with which ids and in which order.
import { expect, test } from 'vitest'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import type { OrderEvent } from '#subgraphs/orders/domain/events.ts'
import { deliverAll, inputFromBus, inputFromOrder } from '#subgraphs/orders/fulfilment/event-mapping.ts'
import {
  AT,
  CUSTOMER_ID,
  ORDER_ID,
  placedEvent,
  placement,
  usd,
} from '#test/subgraphs/orders/domain/order-fixture.ts'

const noted = { orderId: ORDER_ID, customerId: CUSTOMER_ID, at: AT }

function recorded({ type, data }: OrderEvent): RecordedEvent {
  return {
    position: 1,
    stream: `order-${ORDER_ID}`,
    version: 1,
    id: 'evt-1',
    type,
    schema: 1,
    data,
    meta: { actor: 'customer:x', correlationId: 'req-1', traceparent: '00-a-b-01' },
    recordedAt: AT,
  }
}

function message(type: string, data: BusMessage['data']): BusMessage {
  return {
    topic: 'payment',
    position: 9,
    eventId: 'evt-9',
    stream: 'payment-pay_1',
    version: 2,
    type,
    data,
    meta: { correlationId: 'req-1' },
    at: AT,
  }
}

test('a placed order starts its fulfilment with the data and the time limits of its steps', () => {
  const sale = { adjustments: [{ label: 'Sale', amount: usd(-100) }], total: usd(8400) }
  const found = inputFromOrder(recorded(placedEvent({ ...sale, instructions: 'Ring' })), {
    reservationMs: 5,
    approvalTimeoutMs: 6,
  })
  const { deliveryAddress, tenders, total } = placement(sale)
  expect(found).toEqual({
    sagaId: ORDER_ID,
    id: 'evt-1',
    meta: { causationId: 'evt-1', correlationId: 'req-1', traceparent: '00-a-b-01' },
    event: {
      type: 'FulfilmentStarted',
      data: {
        at: AT,
        reservationMs: 5,
        approvalTimeoutMs: 6,
        order: {
          orderId: ORDER_ID,
          customerId: CUSTOMER_ID,
          lines: [
            { sku: 'MUG', quantity: 3, unitPrice: usd(1000), weightGrams: 300 },
            { sku: 'POT', quantity: 2, unitPrice: usd(2500), weightGrams: 900 },
          ],
          total,
          goodsTotal: usd(7900),
          tenders,
          option: 'STANDARD',
          address: deliveryAddress,
          instructions: 'Ring',
        },
      },
    },
  })
})

test('the start of a fulfilment says so when stock was ample, and nothing for orders of older builds', () => {
  const dataOf = (ampleStock?: boolean) => {
    const placed = placedEvent(ampleStock === undefined ? {} : { ampleStock })
    return inputFromOrder(recorded(placed), {})?.event.data
  }
  expect(dataOf(true)).toMatchObject({ ampleStock: true })
  expect(dataOf(false)).toMatchObject({ ampleStock: false })
  expect(dataOf()).not.toHaveProperty('ampleStock')
})

test('a cancellation and a return reach the fulfilment, and events that it caused do not', () => {
  const moved = { ...noted, from: 'COMPLETED', to: 'RETURNED' } as const
  const back = { returnId: 'ret_1', lines: [{ sku: 'MUG', quantity: 1 }], refund: usd(1000) }
  const heard = (event: OrderEvent) => inputFromOrder(recorded(event), {})?.event
  expect(heard({ type: 'CancellationRequested', data: noted })).toEqual({
    type: 'CancellationRequested',
    data: { at: AT },
  })
  expect(heard({ type: 'ReturnReceived', data: { ...moved, ...back } })).toEqual({
    type: 'ReturnReceived',
    data: { ...back, at: AT },
  })
  expect(
    heard({ type: 'OrderConfirmed', data: { ...noted, from: 'PLACED', to: 'CONFIRMED' } }),
  ).toBeUndefined()
})

test('events of payment and shipping reach the fulfilment of their order', () => {
  const heard = (type: string, data: BusMessage['data']) =>
    inputFromBus(message(type, { orderId: ORDER_ID, ...data }), fail)
  expect(heard('PaymentAuthorised', {})).toMatchObject({
    sagaId: ORDER_ID,
    id: 'evt-9',
    event: { type: 'PaymentApproved', data: { at: AT } },
    meta: { causationId: 'evt-9', correlationId: 'req-1' },
  })
  const decline = { code: 'CARD_DECLINED', message: 'No.', retryable: true }
  expect(heard('PaymentDeclined', { ...decline, reason: 'x' })?.event).toEqual({
    type: 'PaymentRejected',
    data: { ...decline, at: AT },
  })
  for (const type of ['ShipmentDispatched', 'ShipmentDelivered', 'ShipmentLost'])
    expect(heard(type, { shipmentId: 'shp_1' })?.event).toEqual({
      type,
      data: { shipmentId: 'shp_1', at: AT },
    })
  expect(heard('TenderAuthorised', {})).toBeUndefined()
})

test('a verdict about a payment reaches the fulfilment only if an approval was awaited, or an older build does not say', () => {
  const decline = { code: 'CARD_DECLINED', message: 'No.', retryable: true, reason: 'x' }
  const heard = (type: string, data: BusMessage['data']) =>
    inputFromBus(message(type, { orderId: ORDER_ID, ...data }), fail)?.event
  expect(heard('PaymentAuthorised', { awaited: false })).toBeUndefined()
  expect(heard('PaymentDeclined', { ...decline, awaited: false })).toBeUndefined()
  expect(heard('PaymentAuthorised', { awaited: true })).toEqual({ type: 'PaymentApproved', data: { at: AT } })
  expect(heard('PaymentDeclined', { ...decline, awaited: true })).toEqual(heard('PaymentDeclined', decline))
})

test('an event that cannot be parsed is reported and skipped', () => {
  const unreadable: string[] = []
  expect(
    inputFromBus(message('ShipmentLost', { orderId: ORDER_ID }), ({ type }) => unreadable.push(type)),
  ).toBe(undefined)
  expect(unreadable).toEqual(['ShipmentLost'])
})

test.each(['MovementWrittenOff', 'MovementDropped'] as const)(
  '%s of a movement carries the amount that was not moved in the end',
  type => {
    const movement = { orderId: ORDER_ID, movementId: 'cap_1', kind: 'CAPTURE', amount: usd(600) }
    expect(inputFromBus(message(type, movement), fail)).toMatchObject({
      sagaId: ORDER_ID,
      event: { type, data: { movementId: 'cap_1', outstanding: 600, at: AT } },
    })
  },
)

test('inputs of one order are delivered in order, and do not wait for those of others', async () => {
  const delivered: string[] = []
  const first = Promise.withResolvers<void>()
  const sagas = {
    async deliver(sagaId: string, inputId: string) {
      if (inputId === 'a1') await first.promise
      delivered.push(`${sagaId} ${inputId}`)
      if (inputId === 'b1') first.resolve()
    },
  }
  const input = (sagaId: string, id: string) =>
    ({ sagaId, id, event: { type: 'CancellationRequested', data: { at: AT } }, meta: {} }) as const
  await deliverAll(sagas, [input('A', 'a1'), input('A', 'a2'), input('B', 'b1')])
  expect(delivered).toEqual(['B b1', 'A a1', 'A a2'])
})

function fail(): never {
  throw new Error('it could be read')
}
