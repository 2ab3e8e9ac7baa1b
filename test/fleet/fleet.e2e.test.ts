// Two processes of each service on PostgreSQL alone look like one platform to callers, and either may die.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SERVICE_NAMES } from '#start/topology.ts'
import { freshDatabases } from '#test/fixtures/databases.ts'
import { startResumingSubscriber } from '#test/fixtures/resuming-subscriber.ts'
import { type Lease, readLeases, untilHeld } from '#test/fleet/leases.ts'
import { findDiscrepancies } from '#test/start/ledger-audit.ts'
import { expectOutcomes, untilAtRest, untilEmpty } from '#test/start/order-outcomes.ts'
import { startTraffic } from '#test/start/traffic.ts'
import { type Databases, type Fleet, startFleet } from '#testbed/fleet/fleet.ts'
import { createRecoveryProbe, type RecoveryProbe } from '#testbed/fleet/recovery-probe.ts'
import type { ServiceProcess } from '#testbed/fleet/service-process.ts'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  createSender,
  type GraphqlResponse,
  registerShopper,
} from '#testbed/shop-client.ts'

const QUICK = {
  CARRIER_SANDBOX_STEP_MS: '50',
  PAYMENT_SANDBOX_APPROVAL_MS: '100',
  APPROVAL_TIMEOUT_MS: '3000',
}

let databases: Databases
let fleet: Fleet
let prober: RecoveryProbe

beforeAll(async () => {
  databases = await freshDatabases()
  fleet = await startFleet({ databases, counts: { 'bff-mobile': 0 }, env: () => QUICK })
  prober = await createRecoveryProbe(fleet)
})
afterAll(() => fleet?.[Symbol.asyncDispose]())

function leasePlaces() {
  const { bus, ...stores } = databases
  return { stores, bus }
}

function ownersOf(leases: readonly Lease[]): ReadonlyMap<string, string | null> {
  return new Map(leases.map(({ name, owner }) => [name, owner]))
}

async function startAgain(members: readonly ServiceProcess[]): Promise<void> {
  for (const member of members) member.launch()
  await Promise.all(members.map(member => member.ready()))
}

/** Sends an operation to one process of the web BFF. */
function sendTo<T>(bff: number, token: string, query: string, variables: object, consistency = '') {
  const headers = { ...(consistency && { 'waybill-consistency': consistency }) }
  const endpoint = `${fleet.processesOf('bff-web')[bff % 2]?.url}/graphql`
  return createSender(() => endpoint)<T>('bff-web', token, query, variables, headers)
}

function tokenOf(reply: GraphqlResponse<unknown>): string {
  expect(reply.errors).toBeUndefined()
  return reply.headers.get('waybill-consistency') ?? ''
}

test('one key sent to both processes at once gives one order and one charge', async () => {
  await addProduct(fleet, { sku: 'twice', price: '5.00', stock: { 'BER-1': 1_000 } })
  const shopper = await registerShopper(fleet)
  for (let round = 0; round < 5; round++) {
    const input = checkoutInput({
      idempotencyKey: `twice-${round}`,
      reference: `twice-${round}`,
      sku: 'twice',
    })
    const replies = await Promise.all(
      [0, 1, 0, 1].map(bff => sendTo<CheckoutResponse>(bff, shopper.token, CHECKOUT, { input })),
    )
    const ids = replies.map(({ data, errors }) => data?.checkout?.order?.id ?? JSON.stringify(errors))
    expect(new Set(ids).size, ids.join()).toBe(1)
  }
  await untilAtRest(fleet, [shopper.id], 'twice')
  const orders = await sendTo<{ orders: { nodes: { id: string; status: string }[] } }>(
    0,
    shopper.token,
    '{ orders(first: 50) { nodes { id status } } }',
    {},
  )
  expect(orders.data.orders.nodes.map(({ status }) => status)).toEqual(Array(5).fill('COMPLETED'))
  expect(
    await untilEmpty(() => findDiscrepancies(databases, [shopper.id], { twice: { 'BER-1': 1_000 } })),
  ).toEqual([])
})

test('a write through one process is visible at the other under its token', async () => {
  await addProduct(fleet, { sku: 'seen', price: '5.00', stock: { 'BER-1': 1_000 } })
  const shopper = await registerShopper(fleet)
  const list = '{ orders(first: 1) { nodes { id } } }'
  const page = 'query ($id: ID!) { order(id: $id) { cancellationRequested status } }'
  const cancel = `mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { __typename } }`
  type List = { readonly orders: { readonly nodes: readonly { readonly id: string }[] } }
  type Page = { readonly order: { readonly cancellationRequested: boolean; readonly status: string } }
  for (let round = 0; round < 4; round++) {
    for (const bff of [0, 1]) await sendTo(bff, shopper.token, list, {}) // what is cached now is from before
    const placed = await sendTo<CheckoutResponse>(round, shopper.token, CHECKOUT, {
      input: checkoutInput({
        idempotencyKey: `seen-${round}`,
        sku: 'seen',
        deliveryInstructions: 'SANDBOX_HOLD',
        settleWithinMs: 0,
      }),
    })
    const id = placed.data.checkout.order?.id ?? ''
    const listed = await sendTo<List>(round + 1, shopper.token, list, {}, tokenOf(placed))
    expect(listed.data.orders.nodes[0]?.id).toBe(id)
    const cancelled = await sendTo(round + 1, shopper.token, cancel, {
      input: { idempotencyKey: `unseen-${round}`, orderId: id, settleWithinMs: 0 },
    })
    const paged = await sendTo<Page>(round, shopper.token, page, { id }, tokenOf(cancelled))
    const { cancellationRequested, status } = paged.data.order
    expect(cancellationRequested || status === 'CANCELLED').toBe(true)
  }
})

test('when one of two machines dies the other takes over its leases, and orders continue', async () => {
  const usual = await prober.recover()
  const ops = await fleet.token('ops')
  const query = `subscription ($after: String) { operationsFeed(after: $after) { kind cursor events { id service orderId } } }`
  const followers = [0, 1].map(bff => {
    const nearest = () => {
      const [own, other] = [fleet.processesOf('bff-web')[bff], fleet.processesOf('bff-web')[1 - bff]]
      return (own?.isRunning() ? own : other)?.url ?? ''
    }
    return startResumingSubscriber({ url: nearest, token: ops, query })
  })
  await Promise.all(followers.map(({ started }) => started))
  const traffic = await startTraffic(fleet, 3, { pauseMs: 500 }) // after the followers, so that both see all of it
  const first = await readLeases(leasePlaces())

  for (const dying of [0, 1]) {
    const machine = SERVICE_NAMES.flatMap(name => fleet.processesOf(name)[dying] ?? [])
    const before = await readLeases(leasePlaces())
    const since = new Date()
    await Promise.all(machine.map(member => member.kill()))
    const [held, recovery] = await Promise.all([untilHeld(leasePlaces(), since), prober.recover()])
    const after = ownersOf(await readLeases(leasePlaces()))
    const moved = before.filter(({ name, owner }) => after.get(name) !== owner).map(({ name }) => name)
    const slowest = Math.max(0, ...moved.map(name => held.get(name) ?? 0))
    console.log(
      `${moved.length} of ${after.size} leases moved, the last after ${slowest} ms; an order went all its way ` +
        `after ${recovery.completedMs.toFixed(0)} ms (undisturbed ${usual.completedMs.toFixed(0)} ms)`,
    )
    if (dying === 0) await startAgain(machine) // its sibling is not missed
  }
  // Every process that owned a lease at the beginning is dead by now.
  const last = ownersOf(await readLeases(leasePlaces()))
  expect(first.filter(({ name, owner }) => last.get(name) === owner)).toEqual([])
  await traffic.more(5)
  await traffic.finish()
  const customers = traffic.shoppers.map(({ id }) => id)
  await untilAtRest(fleet, customers, 'fleet')
  expect(await untilEmpty(() => findDiscrepancies(databases, customers))).toEqual([])
  await expectOutcomes(fleet, traffic, 'fleet')
  for (const answered of traffic.answered.slice(-5))
    expect(await traffic.repeat(answered), answered.key).toBe(answered.orderId)

  const differing = async () => {
    const [one = [], other = []] = followers.map(({ events }) => events.map(({ id }) => id))
    return [...one.filter(id => !other.includes(id)), ...other.filter(id => !one.includes(id))]
  }
  expect(await untilEmpty(differing)).toEqual([])
  for (const { events, failures } of followers) {
    expect(failures).toEqual([])
    expect(new Set(events.map(({ id }) => id)).size, 'an event came twice').toBe(events.length)
    expect(new Set(events.map(({ orderId }) => orderId)).size).toBeGreaterThanOrEqual(
      traffic.answered.filter(({ orderId }) => orderId).length,
    )
  }
  await Promise.all(followers.map(follower => follower[Symbol.asyncDispose]()))
}, 180_000)
