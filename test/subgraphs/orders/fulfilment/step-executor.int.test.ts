// Tests the execution of steps: commands on orders take effect once per key, and results of services are mapped for the saga.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '#platform/domain/ids.ts'
import type { JsonObject } from '#platform/domain/json.ts'
import type { EventStore } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { createRepository } from '#platform/event-store/repository.ts'
import { createGraphqlClient } from '#platform/graphql/client/client.ts'
import { createPolicy } from '#platform/resilience/policy.ts'
import type { Call, StepResponse } from '#platform/saga/saga.ts'
import type { OrderRepository } from '#subgraphs/orders/domain/aggregate.ts'
import { orderAggregate } from '#subgraphs/orders/domain/aggregate.ts'
import { place } from '#subgraphs/orders/domain/order-commands.ts'
import { createLocalSteps, createSteps } from '#subgraphs/orders/fulfilment/step-executor.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { type StandIn, standIn } from '#test/subgraphs/orders/adapters/graphql-stub.ts'
import { placement, usd } from '#test/subgraphs/orders/domain/order-fixture.ts'

let store: EventStore
let orders: OrderRepository
let service: StandIn
let answer: object
let perform: (call: Call) => Promise<StepResponse>
const open = new AsyncDisposableStack()

beforeAll(async () => {
  store = open.use(await openPostgresEventStore({ url: await freshDatabase() }))
  orders = createRepository(store, orderAggregate)
  service = open.use(await standIn(() => ({ answer })))
  const policy = createPolicy({ name: 'test', timeoutMs: 2000, retries: 0, concurrency: 8, queue: 8 })
  const client = open.use(createGraphqlClient({ url: service.url, policy }))
  const services = { inventory: client, payment: client, shipping: client }
  perform = createSteps({ services, orders, now: () => new Date() })
})

afterAll(() => open.disposeAsync())

function call(command: string, input: JsonObject, step = command): Call {
  const sagaId = String(input.orderId)
  return { sagaId, step, command, input, key: `${sagaId}:${step}`, meta: { correlationId: sagaId } }
}

async function placed(): Promise<string> {
  const orderId = newId('order')
  await orders.handle(orderId, { key: orderId, body: null }, order => place(order, placement({ orderId })))
  return orderId
}

describe('commands on orders', () => {
  test('take effect once each, however often they are called', async () => {
    const orderId = await placed()
    const lines = [
      { sku: 'MUG', quantity: 3 },
      { sku: 'POT', quantity: 2 },
    ]
    const calls = [
      call('orders.noteApprovalAwaited', { orderId }),
      call('orders.confirmOrder', { orderId }),
      call('orders.rejectCancellation', { orderId, message: 'It has left.' }),
      call('orders.noteShipped', { orderId, shipmentId: 'shp_1', lines }),
      call('orders.noteDelivered', { orderId, shipmentId: 'shp_1' }),
      call('orders.completeOrder', { orderId }),
    ]
    for (const once of calls)
      for (const again of [once, once, { ...once, key: `${once.key}:by-another-build` }])
        expect(await perform(again)).toEqual({ status: 'succeeded', result: {} })
    const history = await orders.history(orderId)
    expect(history.map(({ event }) => event.type)).toEqual([
      'OrderPlaced',
      'PaymentApprovalAwaited',
      'OrderConfirmed',
      'OrderShipped',
      'OrderDelivered',
      'OrderCompleted',
    ])
    expect(history.at(-1)?.recorded.meta.correlationId).toBe(orderId)
  })

  test('cancel with the reason and its details, and are refused with the domain’s refusal', async () => {
    const orderId = await placed()
    const details = { shortages: [{ sku: 'MUG', requested: 3, available: 1 }] }
    const input = { orderId, reason: 'OUT_OF_STOCK', message: 'Gone.', details }
    expect(await perform(call('orders.cancelFulfilment', input))).toEqual({ status: 'succeeded', result: {} })
    expect((await orders.load(orderId)).state).toMatchObject({
      cancellation: { reason: 'OUT_OF_STOCK', details },
    })
    expect(await perform(call('orders.confirmOrder', { orderId }))).toEqual({
      status: 'refused',
      code: 'ORDER_CANCELLED',
      message: 'The order is cancelled.',
    })
  })

  test('are decided one after another in an append of the saga, in which they change nothing when repeated', async () => {
    const orderId = await placed()
    const local = createLocalSteps({ orders, now: () => new Date() })
    expect([local.has('orders.confirmOrder'), local.has('inventory.reserveStock')]).toEqual([true, false])
    const confirm = call('orders.confirmOrder', { orderId })
    await perform(confirm)
    const writes = await local.open(orderId)
    expect(writes.decide(confirm)).toEqual({ status: 'succeeded', result: {} })
    expect(writes.decide(call('orders.noteDelivered', { orderId, shipmentId: 'shp_1' }))).toMatchObject({
      status: 'refused',
      code: 'SHIPMENT_NOT_FOUND',
    })
    const details = { reason: 'CUSTOMER_REQUEST', message: 'As requested.', details: {} }
    expect(writes.decide(call('orders.cancelFulfilment', { orderId, ...details })).status).toBe('succeeded')
    await store.append({ writes: [writes.write()] })
    writes.settle(true)
    const history = await orders.history(orderId)
    expect(history.map(({ event }) => event.type)).toEqual([
      'OrderPlaced',
      'OrderConfirmed',
      'OrderCancelled',
    ])
    expect(() => writes.decide(call('orders.noteDelivered', { orderId }))).toThrow()
  })

  test('throw when they are unknown or malformed, so the result is unknown', async () => {
    const orderId = await placed()
    await expect(perform(call('orders.giftWrap', { orderId }))).rejects.toMatchObject({
      code: 'COMMAND_UNKNOWN',
    })
    await expect(perform(call('orders.noteDelivered', { orderId }))).rejects.toThrow()
  })
})

describe('commands of other services', () => {
  const orderId = newId('order')
  const lines = [{ sku: 'MUG', quantity: 3 }]
  const table: [string, JsonObject, object, object][] = [
    [
      'inventory.reserveStock',
      { orderId, lines },
      {
        __typename: 'StockReserved',
        allocations: [{ sku: 'MUG', quantity: 3, warehouse: { code: 'BER-1' } }],
      },
      { status: 'succeeded', result: { allocations: [{ sku: 'MUG', quantity: 3, warehouse: 'BER-1' }] } },
    ],
    [
      'inventory.reserveStock',
      { orderId, lines },
      { __typename: 'NoSuchProduct', code: 'PRODUCT_NOT_FOUND', message: 'None.', sku: 'MUG' },
      {
        status: 'refused',
        code: 'INSUFFICIENT_STOCK',
        message: 'None.',
        details: { shortages: [{ sku: 'MUG', requested: 3, available: 0 }] },
      },
    ],
    [
      'payment.authorisePayment',
      { orderId, amount: usd(100) },
      { __typename: 'PaymentRefused', code: 'CARD_DECLINED', message: 'No.', retryable: true },
      { status: 'refused', code: 'CARD_DECLINED', message: 'No.', details: { retryable: true } },
    ],
    [
      'payment.authorisePayment',
      { orderId, amount: usd(100) },
      { __typename: 'PaymentAuthorisation', pending: true, payment: { id: 'pay_1' } },
      { status: 'succeeded', result: { pending: true, paymentId: 'pay_1' } },
    ],
    [
      'shipping.createShipment',
      { orderId, lines },
      { __typename: 'ShipmentCreated', shipment: { id: 'shp_1' } },
      { status: 'succeeded', result: { shipmentId: 'shp_1' } },
    ],
    [
      'shipping.cancelShipment',
      { orderId, shipmentId: 'shp_1' },
      { __typename: 'ShipmentRefused', code: 'SHIPMENT_DISPATCHED', message: 'Gone.' },
      { status: 'refused', code: 'SHIPMENT_DISPATCHED', message: 'Gone.', details: {} },
    ],
    [
      'inventory.releaseReservation',
      { orderId, skus: ['MUG'] },
      { __typename: 'ReservationChanged' },
      { status: 'succeeded', result: {} },
    ],
  ]
  test.each(table)('%s returns the result that the saga expects', async (command, input, told, expected) => {
    answer = told
    expect(await perform(call(command, input))).toEqual(expected)
  })

  test('are sent with the step’s key, and with money as decimals', async () => {
    answer = { __typename: 'PaymentMoved' }
    const tenders = [{ kind: 'CARD', token: 'tok', amount: usd(1050) }]
    const asked = call('payment.capturePayment', { orderId, amount: usd(1050), tenders }, 'capture:shp_1')
    await perform(asked)
    const amount = { amount: '10.50', currency: 'USD' }
    expect(service.sent.at(-1)?.variables).toEqual({
      input: {
        orderId,
        amount,
        tenders: [{ kind: 'CARD', token: 'tok', amount }],
        idempotencyKey: `${orderId}:capture:shp_1`,
      },
    })
  })

  test('throw on an unexpected result, so the result is unknown', async () => {
    answer = { __typename: 'ShipmentCreated' }
    await expect(perform(call('shipping.createShipment', { orderId, lines }))).rejects.toThrow()
  })
})
