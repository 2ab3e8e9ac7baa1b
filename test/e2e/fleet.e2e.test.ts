// Two processes of each service on PostgreSQL alone: either may die, and both are one platform to whoever calls.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SUBGRAPHS } from '#start/layout.ts'
import { freshDatabase } from '#test/database.ts'
import { type Databases, type Fleet, startFleet } from '#test/fleet/fleet.ts'
import { readLeases, untilHeld } from '#test/fleet/leases.ts'
import type { Member } from '#test/fleet/member.ts'
import { createProber, type Prober } from '#test/fleet/recovery.ts'
import { discrepancies } from '#test/start/books.ts'
import { expectEnds, untilAtRest, untilEmpty } from '#test/start/ends.ts'
import { startTraffic } from '#test/start/traffic.ts'

const QUICK = {
  CARRIER_SANDBOX_STEP_MS: '50',
  PAYMENT_SANDBOX_APPROVAL_MS: '100',
  APPROVAL_TIMEOUT_MS: '3000',
}

let databases: Databases
let fleet: Fleet
let prober: Prober

beforeAll(async () => {
  const [orders, inventory, payment, shipping, bus] = await Promise.all([
    freshDatabase(),
    freshDatabase(),
    freshDatabase(),
    freshDatabase(),
    freshDatabase(),
  ])
  databases = { orders, inventory, payment, shipping, bus }
  fleet = await startFleet({ databases, copies: { gateway: 1, 'bff-mobile': 0 }, env: () => QUICK })
  prober = await createProber(fleet)
}, 120_000)
afterAll(() => fleet?.[Symbol.asyncDispose]())

function leasePlaces() {
  const { bus, ...stores } = databases
  return { stores, bus }
}

async function eachReady(members: readonly Member[]): Promise<void> {
  for (const member of members) member.launch()
  await Promise.all(members.map(member => member.ready()))
}

test('whatever a dead process owned passes to the other, and orders go on', async () => {
  const usual = await prober.recover()
  const traffic = await startTraffic(fleet, 3, 500)
  for (const dying of [0, 1]) {
    const members = SUBGRAPHS.flatMap(name => fleet.of(name)[dying] ?? [])
    const before = await readLeases(leasePlaces())
    const since = new Date()
    await Promise.all(members.map(member => member.kill()))
    const [held, recovery] = await Promise.all([untilHeld(leasePlaces(), since), prober.recover()])
    const after = new Map((await readLeases(leasePlaces())).map(lease => [lease.name, lease]))
    const moved = before.filter(({ name, owner }) => after.get(name)?.owner !== owner).map(({ name }) => name)
    // The second to die have taken over all that the first ones owned, and hold everything.
    if (dying === 1) expect(moved.toSorted()).toEqual([...after.keys()].toSorted())
    const slowest = Math.max(...moved.map(name => held.get(name) ?? 0))
    console.log(
      `killed process ${dying} of each subgraph: ${moved.length} of ${after.size} leases moved, the last after ` +
        `${slowest} ms; an order went all its way after ${recovery.completedMs.toFixed(0)} ms (undisturbed ${usual.completedMs.toFixed(0)} ms)`,
    )
    await eachReady(members)
  }
  await traffic.more(5)
  await traffic.finish()
  const customers = traffic.shoppers.map(({ id }) => id)
  await untilAtRest(fleet, customers, 'fleet')
  expect(await untilEmpty(() => discrepancies(databases, customers))).toEqual([])
  await expectEnds(fleet, traffic, 'fleet')
  for (const answered of traffic.answered.slice(-5))
    expect(await traffic.repeat(answered), answered.key).toBe(answered.orderId)
}, 180_000)
