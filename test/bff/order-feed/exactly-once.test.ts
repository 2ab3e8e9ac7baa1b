import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ORDER_TOPICS } from '#bff/bus/bus-follower.ts'
import type { Scope } from '#bff/order-feed/change.ts'
import { openOrderFeed } from '#bff/order-feed/order-feed.ts'
import { mergePositions } from '#platform/consistency/position-vector.ts'
import { recordingLogger } from '../../platform/telemetry/recording-logger.ts'
import {
  ask,
  contains,
  createFeedClient,
  drain,
  eventsOf,
  type FeedClient,
  join,
  reconnect,
} from './feed-client.ts'
import {
  type Buyer,
  buyer,
  createInMemoryBus,
  followInMemory,
  publishAbout,
  type TestOrder,
  turn,
} from './in-memory-bus.ts'

const any = fc.nat({ max: 1_000 })
const steps = fc.array(
  fc.oneof(
    {
      weight: 9,
      arbitrary: fc.record({
        do: fc.constant('publish' as const),
        topic: any,
        order: any,
        named: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('noise' as const), topic: any }) },
    {
      weight: 7,
      arbitrary: fc.record({
        do: fc.constant('hear' as const),
        process: any,
        topic: any,
        count: fc.integer({ min: 1, max: 5 }),
      }),
    },
    { weight: 7, arbitrary: fc.record({ do: fc.constant('ask' as const), who: any }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('cut' as const),
        who: any,
        process: any,
        back: fc.nat({ max: 3 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('join' as const), who: any, process: any }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), process: any }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  ),
  { minLength: 20, maxLength: 150 },
)
type Step = typeof steps extends fc.Arbitrary<infer All> ? (All extends (infer One)[] ? One : never) : never

/** `slowness` and `faults` say of each read, in turn, how many turns it takes and whether it fails. */
type Weather = { readonly slowness: readonly number[]; readonly faults: readonly boolean[] }

function openWorld(weather: Weather) {
  const bus = createInMemoryBus()
  const buyers: readonly Buyer[] = Array.from({ length: 6 }, (_, index) =>
    buyer(index % 2 ? 'cus_odd' : 'cus_even'),
  )
  const reads = new Map<string, number>()
  const failing = new Map<string, number>()
  let readings = 0

  const processes = [0, 1].map(process => {
    const follower = followInMemory(bus)
    const feed = openOrderFeed<TestOrder>({
      follower,
      bus,
      async read(id, positions, detail) {
        const number = readings++
        const told = follower.told()
        for (let left = weather.slowness[number % weather.slowness.length] ?? 0; left > 0; left--)
          await turn()
        const key = `process ${process}, ${detail} of ${id}`
        const failures = failing.get(key) ?? 0
        // Not too often in a row: an order that cannot be read while others can is given up.
        const fails = failures < 3 && weather.faults[number % weather.faults.length]
        failing.set(key, fails ? failures + 1 : 0)
        if (fails) throw new Error('the gateway is away')
        reads.set(key, (reads.get(key) ?? 0) + 1)
        const customer = buyers.find(one => one.id === id)?.customer ?? ''
        for (const [topic, position] of Object.entries(positions))
          expect(position).toBeLessThanOrEqual(await bus.end(topic))
        return { id, customer, events: 0, at: mergePositions(told, positions) } // no newer than it must be
      },
      ownerOf: order => order.customer,
      idOf: order => order.id,
      logger: recordingLogger('fatal').logger,
      limits: { window: 4, lookThrough: 100_000, longestPauseMs: 5 },
    })
    return { follower, feed, resumed: [] as Scope[] }
  })
  const scopes: readonly Scope[] = [
    ...buyers.slice(0, 3).map(({ id }) => ({ order: id })),
    { customer: 'cus_odd' },
    { customer: 'cus_even' },
    { all: true },
    { all: true },
  ]
  return { bus, buyers, reads, processes, clients: scopes.map(createFeedClient) }
}

type World = ReturnType<typeof openWorld>

function at<T>(list: readonly T[], index: number): T {
  const found = list[index % list.length]
  if (found === undefined) throw new Error('the list is empty')
  return found
}

async function take(world: World, step: Step): Promise<void> {
  const { bus, buyers, processes, clients } = world
  switch (step.do) {
    case 'publish': {
      const one = at(buyers, step.order)
      publishAbout(bus, at(ORDER_TOPICS, step.topic), one, step.named)
      return
    }
    case 'noise':
      bus.publish(at(ORDER_TOPICS, step.topic), {})
      return
    case 'hear':
      return at(processes, step.process).follower.hear(at(ORDER_TOPICS, step.topic), step.count)
    case 'ask':
      return ask(at(clients, step.who))
    case 'cut': {
      const one = at(clients, step.who)
      const { feed, resumed } = at(processes, step.process)
      if (await reconnect(one, step.back, feed)) resumed.push(one.scope)
      return
    }
    case 'join': {
      const one = at(clients, step.who)
      return one.stream ? undefined : join(one, at(processes, step.process).feed)
    }
    case 'lose':
      return at(processes, step.process).follower.skip()
    case 'turn':
      return turn()
  }
}

async function settle({ bus, buyers, processes, clients }: World): Promise<void> {
  for (const { follower } of processes) follower.hearAll()
  for (const one of clients) {
    if (!one.stream) continue
    await drain(one, 0)
    const expected = eventsOf(bus, one.scope, one.begin ?? '', buyers).flat().length
    await drain(one, expected)
  }
}

function judge({ bus, buyers }: World, one: FeedClient): void {
  if (!one.begin) return
  const expected = eventsOf(bus, one.scope, one.begin, buyers)
  for (const [index, topic] of ORDER_TOPICS.entries())
    expect(one.got.filter(event => event.service === topic).map(event => event.id)).toEqual(expected[index])
  expect(one.kinds.filter(kind => kind !== 'CHANGED')).toEqual(['PRESENT'])
  for (const event of one.got) expect(contains(one.states.get(event.orderId), event)).toBe(true)
}

/**
 * In each process, an order is read no more than once for each of its events, and once more for each subscriber of it
 * that resumed there: who was told of something after which the order was not read yet needs a newer state. No more than
 * that when the process falls behind them, loses the bus, or reads in vain.
 */
function judgeReads({ bus, buyers, processes, reads }: World): void {
  const events = ORDER_TOPICS.flatMap(topic => bus.log(topic))
  for (const [index, { resumed }] of processes.entries())
    for (const { id, customer } of buyers) {
      const happened = events.filter(({ meta }) => meta.actor === id).length
      const newer = resumed.filter(
        scope => 'all' in scope || Object.values(scope).some(of => of === id || of === customer),
      )
      for (const detail of ['page', 'summary']) {
        const key = `process ${index}, ${detail} of ${id}`
        expect(reads.get(key) ?? 0, key).toBeLessThanOrEqual(happened + newer.length)
      }
    }
}

async function live(all: readonly Step[], weather: Weather): Promise<void> {
  const world = openWorld(weather)
  for (const step of all) await take(world, step)
  await settle(world)
  for (const one of world.clients) judge(world, one)
  judgeReads(world)
  for (const { feed } of world.processes) await feed[Symbol.asyncDispose]()
  for (const { follower } of world.processes) expect(follower.holders()).toBe(0)
}

const slowness = fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 20 })

test('every subscriber gets each event of its scope exactly once, in order per service, and the newest state, through any disconnects, resumes and delays', async () => {
  await fc.assert(
    fc.asyncProperty(steps, slowness, (all, slow) => live(all, { slowness: slow, faults: [false] })),
    { numRuns: 60, endOnFailure: true },
  )
}, 60_000)

test('every subscriber gets the same while some reads fail', async () => {
  const faults = fc.array(fc.boolean(), { minLength: 4, maxLength: 20 }).map(list => [...list, false])
  await fc.assert(
    fc.asyncProperty(steps, slowness, faults, (all, slow, failing) =>
      live(all, { slowness: slow, faults: failing }),
    ),
    { numRuns: 15, endOnFailure: true },
  )
}, 60_000)
