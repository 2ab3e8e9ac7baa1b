// Tests that a database server which is killed leaves no payment that the sandbox provider does not know.
import { expect, test } from 'vitest'
import { siblingId } from '#platform/domain/ids.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { killAmid, startDurablePostgres } from '#testbed/fleet/durable-postgres.ts'
import { commandWithKey, openPaymentsFixture, orderOf, type PaymentsFixture } from './payments-fixture.ts'

const ORDERS = 60
const ROUNDS = 3

function authorise({ payments }: PaymentsFixture, order: ReturnType<typeof orderOf>) {
  return payments.authorise(order, commandWithKey(`authorise:${order.orderId}`, { order: order.orderId }))
}

/** Returns the ids of the payments whose authorisation is recorded. */
async function recorded(databaseUrl: string): Promise<string[]> {
  await using store = await openPostgresEventStore({ url: databaseUrl })
  const { events } = await store.readLog({ after: 0, limit: 10_000 })
  return events
    .filter(({ type }) => type === 'PaymentAuthorised')
    .map(({ stream }) => stream.slice('payment-'.length))
}

test('a killed server takes no operation of the sandbox whose outcome is recorded, and repeats make each once', async () => {
  await using server = await startDurablePostgres()
  const databaseUrl = await server.database('payment')
  const orders: ReturnType<typeof orderOf>[] = []
  for (let round = 0; round < ROUNDS; round++) {
    await using before = await openPaymentsFixture(databaseUrl)
    const some = Array.from({ length: ORDERS }, () => orderOf())
    orders.push(...some)
    await killAmid(
      server,
      some.map(order => () => authorise(before, order)),
    )
  }
  await using after = await openPaymentsFixture(databaseUrl)
  const outcomes = await recorded(databaseUrl)
  expect(outcomes.length).toBeGreaterThanOrEqual((ROUNDS * ORDERS) / 3)
  for (const paymentId of outcomes)
    expect(await after.sandbox.sums(paymentId)).toMatchObject([{ authorised: 10_000 }])
  for (const order of orders) {
    expect(await authorise(after, order)).toMatchObject({ pending: false })
    const moved = await after.sandbox.sums(siblingId('payment', order.orderId))
    expect(moved).toMatchObject([{ authorised: 10_000, operations: ['authorise'] }])
  }
})
