// Tests orders during outages: late approvals, and repeats while other services are away.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Viewer } from '#platform/auth/viewer.ts'
import { siblingId } from '#platform/domain/ids.ts'
import { counter } from '#platform/telemetry/metrics.ts'
import { UNLIMITED_HOLDS } from '#subgraphs/inventory/domain/holds.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import {
  anOrder,
  type Data,
  OPS,
  ORDER,
  PLACE,
  type Running,
  runSubgraphs,
} from '#test/subgraphs/orders/orders-fixture.ts'

let all: Running
let ada: Viewer

beforeAll(async () => {
  const sagaPolicy = { boundedForMs: 600_000, firstDelayMs: 20, lastDelayMs: 40 }
  const holdQuota = { ...UNLIMITED_HOLDS, units: 30, share: 0 }
  all = await runSubgraphs({ approvalMs: 60_000, approvalTimeoutMs: 300, sagaPolicy, holdQuota })
  ada = await all.newCustomer()
  await Promise.all([all.addProduct('MUG', { 'BER-1': 100 }), all.addProduct('PEN', { 'BER-1': 1_000 })])
})

afterAll(() => all[Symbol.asyncDispose]())

test('an approval that does not come in time cancels the order, and one that comes late changes nothing', async () => {
  const variables = anOrder('MUG', { tenders: [{ kind: 'CARD', token: 'tok_approval' }] })
  const placed = (await all.request(ada, PLACE, { variables })).data.placeOrder
  expect(placed).toMatchObject({
    __typename: 'OrderAccepted',
    order: { status: 'PLACED', awaitingApproval: true },
  })
  const { id } = placed.order
  await all.waitForEvent(id, 'OrderCancelled')
  const { data } = await all.waitForEvent(id, 'TenderApprovalAwaited')
  const { tenderId, providerRef } = data
  const reference = siblingId('payment', id)
  const late = { id: 'notice-late', type: 'payment.approved', reference, tenderId, providerRef }
  expect(await all.notifyPayment(late)).toBe(204)
  const { order } = (await all.request(ada, ORDER, { variables: { id } })).data
  expect(order).toMatchObject({
    status: 'CANCELLED',
    awaitingApproval: false,
    cancellation: { reason: 'APPROVAL_TIMED_OUT' },
  })
  expect(order.timeline.map(({ type }: Data) => type)).toEqual([
    'OrderPlaced',
    'PaymentApprovalAwaited',
    'OrderCancelled',
  ])
  await expect
    .poll(() => all.paymentOf(id), WAIT)
    .toMatchObject({ status: 'VOIDED', captured: { amount: '0.00' } })
  expect((await all.request(ada, PLACE, { variables })).data.placeOrder).toMatchObject({
    __typename: 'OrderNotFulfilled',
    order: { id },
  })
})

/** Counts the tries of an authorisation without a response, including those that an open circuit rejected. */
async function triesInVain(): Promise<number> {
  const tries = await counter('waybill_saga_steps_total', '', ['saga', 'command', 'outcome']).get()
  const ofPayment = tries.values.find(
    ({ labels }) => labels.command === 'payment.authorisePayment' && labels.outcome === 'unknown',
  )
  return ofPayment?.value ?? 0
}

test('orders placed while payment is away stay pending through all retries, and are confirmed once it is back', async () => {
  const ORDERS = 20
  await all.stop('payment')
  const before = await triesInVain()
  const pending = await Promise.all(
    Array.from({ length: ORDERS }, async () => {
      const variables = anOrder('MUG', { settleWithinMs: 50 })
      const { placeOrder } = (await all.request(ada, PLACE, { variables })).data
      expect(placeOrder).toMatchObject({
        __typename: 'OrderPending',
        message: expect.stringContaining('still being asked for'),
        order: { status: 'PLACED', awaitingApproval: false },
      })
      return { variables, id: placeOrder.order.id }
    }),
  )
  const everyOneTenTimes = before + 10 * ORDERS
  await expect.poll(triesInVain, WAIT).toBeGreaterThan(everyOneTenTimes)
  await all.startPaymentAgain()
  for (const { id, variables } of pending) {
    await all.waitForEvent(id, 'OrderConfirmed')
    const repeated = await all.request(ada, PLACE, { variables })
    expect(repeated.data.placeOrder).toMatchObject({ __typename: 'OrderAccepted', order: { id } })
  }
})

const RESERVATION = `query($of: [_Any!]!) { _entities(representations: $of) { ... on Order { reservation { status } } } }`

async function reservationOf(id: string): Promise<Data> {
  const variables = { of: [{ __typename: 'Order', id }] }
  const { data } = await all.request(OPS, RESERVATION, { on: 'inventory', variables })
  return data._entities[0].reservation
}

test('an order that is out of stock is cancelled while its authorisation hangs, which is voided once it is answered', async () => {
  const eve = await all.newCustomer('Eve Moneypenny')
  await all.stop('payment')
  const withoutWait = (quantity: number) =>
    anOrder('PEN', { lines: [{ sku: 'PEN', quantity }], settleWithinMs: 0 })
  const first = (await all.request(eve, PLACE, { variables: withoutWait(30) })).data.placeOrder
  expect(first).toMatchObject({ __typename: 'OrderPending' })
  await expect.poll(() => reservationOf(first.order.id), WAIT).toMatchObject({ status: 'HELD' })
  const beyondQuota = anOrder('PEN')
  const { placeOrder } = (await all.request(eve, PLACE, { variables: beyondQuota })).data
  expect(placeOrder).toMatchObject({ __typename: 'OutOfStock', cancelledOrder: { status: 'CANCELLED' } })
  const { id } = placeOrder.cancelledOrder
  await all.startPaymentAgain()
  await all.waitForEvent(id, 'PaymentVoided')
  await expect.poll(() => all.paymentOf(id), WAIT).toMatchObject({ status: 'VOIDED' })
})

test('a repeat is answered while inventory and shipping are away, and a new placement is UNAVAILABLE', async () => {
  const variables = anOrder('MUG')
  const refusedVariables = anOrder('NONE')
  const [placed, refused] = [
    await all.request(ada, PLACE, { variables }),
    await all.request(ada, PLACE, { variables: refusedVariables }),
  ]
  await all.waitForEvent(placed.data.placeOrder.order.id, 'OrderCompleted')
  await Promise.all([all.stop('inventory'), all.stop('shipping')])
  const again = await all.request(ada, PLACE, { variables })
  expect(again.data.placeOrder).toMatchObject({
    __typename: 'OrderAccepted',
    order: { id: placed.data.placeOrder.order.id, status: 'COMPLETED' },
  })
  expect((await all.request(ada, PLACE, { variables: refusedVariables })).data).toEqual(refused.data)
  expect((await all.request(ada, PLACE, { variables: anOrder('MUG') })).codes).toEqual(['UNAVAILABLE'])
})
