// The kill test: orders go on being placed while processes are killed at random moments; afterwards the books must add up.
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { urlOf } from '#start/layout.ts'
import {
  type Copy,
  type CopyOptions,
  freePortBase,
  launchCopy,
  openDataDir,
  startCopy,
  whenFree,
} from '#test/copy.ts'
import { createSend, type Graphs } from '#test/platform.ts'
import { discrepancies } from './books.ts'
import { startTraffic, type Traffic } from './traffic.ts'

/** More for a night: `npm run test:kill`. `KILL_SEED` repeats the moments and victims of an earlier run. */
const KILLS = Number(process.env.KILLS ?? 4)
const SEED = Number(process.env.KILL_SEED ?? Math.floor(Math.random() * 2 ** 31))
const SHOPPERS = 6
const SETTLE_MS = 60_000
const PAUSE_MS = 200

const QUICK = {
  LOG_LEVEL: 'warn',
  CARRIER_SANDBOX_STEP_MS: '50',
  PAYMENT_SANDBOX_APPROVAL_MS: '100',
  APPROVAL_TIMEOUT_MS: '3000',
}

test(
  `after ${KILLS} kills every order reaches its end, and nothing is charged or shipped twice`,
  async () => {
    const random = randomFrom(SEED)
    const began = performance.now()
    await using folder = await openDataDir()
    const options = { dataDir: folder.dataDir, portBase: await freePortBase(), env: QUICK }
    await using running = await keepRunning(options)
    const graphs = await graphsOf(options)
    const traffic = await startTraffic(graphs, SHOPPERS)

    for (let kill = 0; kill < KILLS; kill++) {
      await traffic.more(3 + Math.floor(random() * 10))
      await delay(random() * 300)
      const strike = STRIKES[kill % STRIKES.length] ?? everything
      await strike(running, random)
    }
    await traffic.more(SHOPPERS)
    await traffic.finish()
    const customers = traffic.shoppers.map(({ id }) => id)
    await untilAtRest(graphs, customers)

    const found = await untilEmpty(() => discrepancies(folder.dataDir, customers))
    expect(found, `KILL_SEED=${SEED}`).toEqual([])
    await expectEnds(graphs, traffic)
    for (const answered of traffic.answered.slice(-20))
      expect(await traffic.repeat(answered), answered.key).toBe(answered.orderId)
    const seconds = ((performance.now() - began) / 1000).toFixed(0)
    console.log(`${KILLS} kills, ${traffic.answered.length} orders, ${seconds} s (KILL_SEED=${SEED})`)
  },
  90_000 + KILLS * 30_000,
)

type Running = AsyncDisposable & { copy: Copy; readonly options: CopyOptions }
type Strike = (running: Running, random: () => number) => Promise<void>

async function keepRunning(options: CopyOptions): Promise<Running> {
  const running = {
    copy: await startCopy(options),
    options,
    [Symbol.asyncDispose]: () => running.copy[Symbol.asyncDispose](),
  }
  return running
}

/** The power fails, and comes back. */
const everything: Strike = async running => {
  await running.copy.kill()
  running.copy = await startCopy(running.options)
}

/** It fails again while services start. */
const everythingTwice: Strike = async (running, random) => {
  await running.copy.kill()
  running.copy = launchCopy(running.options)
  await Promise.race([running.copy.ready, delay(random() * 3_000)])
  await everything(running, random)
}

/** Hosts notice that their parent is gone, and leave by themselves. */
const starter: Strike = async running => {
  process.kill(running.copy.pid, 'SIGKILL')
  await running.copy.ended
  await whenFree(running.options.portBase)
  running.copy = await startCopy(running.options)
}

/** One host dies; the starter runs it again, and the others stay as they are. */
const oneHost: Strike = async ({ copy }, random) => {
  const victim = await copy.hostPid(random() < 0.5 ? 'orders' : 'gateway')
  const restarts = () => copy.lines.filter(line => line.startsWith('restart')).length
  const before = restarts()
  process.kill(victim, 'SIGKILL')
  await until(() => restarts() > before)
}

const STRIKES: readonly Strike[] = [oneHost, everything, starter, everythingTwice, oneHost]

async function graphsOf({ dataDir, portBase }: CopyOptions): Promise<Graphs> {
  const issuer = await openEmbeddedIssuer(path.join(dataDir, 'auth'))
  const machine = { host: '127.0.0.1', portBase }
  return {
    token: (role, subject = role) => issuer.sign({ role, subject }),
    send: createSend(service => `${urlOf(machine, service)}/graphql`),
  }
}

const AT_WORK = `query($customerId: ID!) {
  orders(filter: { customerId: $customerId, status: [PLACED, CONFIRMED, PARTIALLY_SHIPPED, SHIPPED, DELIVERED] }) {
    nodes { id status }
  }
}`
const UNENDED = `{
  running: fulfilments(phase: RUNNING, first: 100) { order { id } pending lastError }
  compensating: fulfilments(phase: COMPENSATING, first: 100) { order { id } pending lastError }
}`

type Order = { readonly id: string; readonly status: string }
type Fulfilment = { readonly order: { readonly id: string }; readonly pending: readonly string[] }

/** As the operations desk sees it: no order of theirs is on its way, and no fulfilment still has something to do. */
async function untilAtRest(graphs: Graphs, customers: readonly string[]): Promise<void> {
  const ops = await graphs.token('ops')
  const open = await untilEmpty<unknown>(async () => {
    const replies = await Promise.all(
      customers.map(customerId =>
        graphs.send<{ orders: { nodes: Order[] } }>('bff-web', ops, AT_WORK, { customerId }),
      ),
    )
    return replies.flatMap(({ data, errors }): readonly unknown[] => errors ?? data.orders.nodes)
  })
  expect(open, `orders on their way; KILL_SEED=${SEED}`).toEqual([])
  const own = new Set(
    (await Promise.all(customers.map(id => ordersOf(graphs, id)))).flat().map(({ id }) => id),
  )
  const unended = await untilEmpty(async () => {
    const { data } = await graphs.send<Record<string, Fulfilment[]>>('bff-web', ops, UNENDED)
    return Object.values(data)
      .flat()
      .filter(({ order }) => own.has(order.id))
  })
  expect(unended, `fulfilments that have not ended; KILL_SEED=${SEED}`).toEqual([])
}

const PAGE = `query($customerId: ID!, $after: String) {
  orders(filter: { customerId: $customerId }, first: 100, after: $after) {
    nodes { id status }
    pageInfo { hasNextPage endCursor }
  }
}`
type Page = {
  readonly orders: { readonly nodes: Order[]; readonly pageInfo: { hasNextPage: boolean; endCursor: string } }
}

async function ordersOf(graphs: Graphs, customerId: string): Promise<Order[]> {
  const ops = await graphs.token('ops')
  const found: Order[] = []
  for (let after: string | null = null; ; ) {
    const variables: object = { customerId, after }
    const { data } = await graphs.send<Page>('bff-web', ops, PAGE, variables)
    found.push(...data.orders.nodes)
    if (!data.orders.pageInfo.hasNextPage) return found
    after = data.orders.pageInfo.endCursor
  }
}

/** Each key has an order of its own, which ended as its kind may end. What was sold out, and only that, has none. */
async function expectEnds(graphs: Graphs, { answered, shoppers }: Traffic): Promise<void> {
  const all = (await Promise.all(shoppers.map(({ id }) => ordersOf(graphs, id)))).flat()
  const statuses = new Map(all.map(({ id, status }) => [id, status]))
  const recorded = answered.flatMap(({ orderId }) => orderId ?? [])
  expect(recorded.toSorted()).toEqual([...statuses.keys()].toSorted())
  const wrong = answered.flatMap(({ key, kind, orderId }) => {
    const status = orderId === undefined ? 'CANCELLED' : statuses.get(orderId)
    return kind.ends.some(end => end === status) ? [] : [`${key} (${kind.name}): ${status}`]
  })
  expect(wrong, `KILL_SEED=${SEED}`).toEqual([])
}

/** What `find` finds in the end: nothing, or what is still there when patience is over. */
async function untilEmpty<T>(find: () => Promise<readonly T[]>): Promise<readonly T[]> {
  const deadline = performance.now() + SETTLE_MS
  for (;;) {
    const found = await find()
    if (found.length === 0 || performance.now() > deadline) return found
    await delay(PAUSE_MS)
  }
}

async function until(condition: () => boolean): Promise<void> {
  const late = AbortSignal.timeout(SETTLE_MS)
  while (!condition()) {
    late.throwIfAborted()
    await delay(20)
  }
}

/** Mulberry32: the same numbers for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
