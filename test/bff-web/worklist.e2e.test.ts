// Refused movements of money in the web graph: staff see them with their orders, and what they do reaches the provider.
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Operations, RefusedMovement } from '#schema/generated/bff-web.ts'
import { type GraphSession, openGraphSession } from '#test/fixtures/graph-session.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  registerShopper,
} from '#testbed/shop-client.ts'

let platform: TestPlatform
let customer: GraphSession
let ops: GraphSession
beforeAll(async () => {
  platform = await startPlatform()
  const shopper = await registerShopper(platform)
  customer = openGraphSession(platform, 'bff-web', shopper.token)
  ops = openGraphSession(platform, 'bff-web', await platform.token('ops'))
  await addProduct(platform, { sku: 'lamp', price: '40.00', stock: { 'BER-1': 10 } })
})
afterAll(() => platform?.[Symbol.asyncDispose]())

const DASHBOARD = `{ operations { refusedMovements { id orderId order { number } kind status amount { amount } code tries }
  refusedMovementTotals { kind currency count } notices { section } } }`
const RESULT = `{ __typename ... on MovementChanged { movement { id status tries note closedBy } }
  ... on Refusal { code message path } }`
const RETRY = `mutation ($input: RetryMovementInput!) { retryMovement(input: $input) ${RESULT} }`
const WRITE_OFF = `mutation ($input: WriteOffMovementInput!) { writeOffMovement(input: $input) ${RESULT} }`
const DEBTS = `query ($id: ID!) { order(id: $id) { debts { movementId owedBy code } } }`
const LIST = `query ($filter: RefusedMovementFilter) { refusedMovements(filter: $filter) { nodes { id status } } }`

/** The movement on the dashboard of an order whose capture its card refuses. */
async function refusedCapture(token: string): Promise<RefusedMovement> {
  const input = {
    ...checkoutInput({ idempotencyKey: token, sku: 'lamp', deliveryInstructions: 'SANDBOX_FAST' }),
    tenders: [{ kind: 'CARD', token }],
  }
  const { checkout } = await customer.data<CheckoutResponse>(CHECKOUT, { input })
  const orderId = checkout.order?.id
  expect(orderId).toBeDefined()
  return vi.waitFor(async () => {
    const { operations } = await ops.data<{ operations: Operations }>(DASHBOARD)
    expect(operations.notices).toEqual([])
    const found = operations.refusedMovements?.find(movement => movement.orderId === orderId)
    if (!found) throw new Error('the refused capture is not on the dashboard')
    return found
  }, WAIT)
}

/** Each part of the dashboard is a cached view of its own, which events renew. */
function dashboardOnce(expected: object): Promise<void> {
  return vi.waitFor(async () => {
    const { operations } = await ops.data<{ operations: Operations }>(DASHBOARD)
    expect(operations).toMatchObject(expected)
  }, WAIT)
}

test('a refused capture is on the dashboard with its order and total until a retry succeeds', async () => {
  const { id: movementId, orderId, ...shown } = await refusedCapture('tok_capture_declined')
  expect(shown).toMatchObject({
    ...{ kind: 'CAPTURE', status: 'OPEN', code: 'declined', tries: 1 },
    order: { number: expect.any(String) },
  })
  await dashboardOnce({ refusedMovementTotals: [{ kind: 'CAPTURE', currency: 'USD', count: 1 }] })
  await vi.waitFor(
    async () =>
      expect(await customer.data(DEBTS, { id: orderId })).toMatchObject({
        order: { debts: [{ movementId, owedBy: 'CUSTOMER', code: 'declined' }] },
      }),
    WAIT,
  )
  const input = { idempotencyKey: 'retry', orderId, movementId }
  expect(await customer.codeOf(RETRY, { input })).toBe('FORBIDDEN')
  expect(await ops.data(RETRY, { input })).toMatchObject({
    retryMovement: { movement: { status: 'SETTLED' } },
  })
  await dashboardOnce({ refusedMovements: [], refusedMovementTotals: [] })
})

test('a refused capture that is written off keeps its note, and is listed among the closed ones', async () => {
  const { id: movementId, orderId } = await refusedCapture('tok_capture_declined_9')
  const input = { idempotencyKey: 'write-off', orderId, movementId, note: 'paid in cash' }
  expect(await ops.data(WRITE_OFF, { input })).toMatchObject({
    writeOffMovement: { movement: { status: 'WRITTEN_OFF', note: 'paid in cash' } },
  })
  expect(await ops.data(WRITE_OFF, { input: { ...input, idempotencyKey: 'again' } })).toMatchObject({
    writeOffMovement: {
      ...{ __typename: 'MovementUnchanged', code: 'MOVEMENT_CLOSED' },
      path: ['input', 'movementId'],
    },
  })
  expect(await ops.data(LIST, { filter: { status: 'WRITTEN_OFF' } })).toMatchObject({
    refusedMovements: { nodes: [{ id: movementId, status: 'WRITTEN_OFF' }] },
  })
  expect(await customer.codeOf(LIST)).toBe('FORBIDDEN')
})
