import pg from 'pg'
import { expect, test } from 'vitest'
import { createBusFollower, ORDER_TOPICS } from '#bff/bus/bus-follower.ts'
import type { OrderEvent, Scope } from '#bff/order-feed/change.ts'
import { type FeedLimits, type OrderFeed, openOrderFeed } from '#bff/order-feed/order-feed.ts'
import { newId, siblingId } from '#platform/domain/ids.ts'
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import { openPostgresEventBus } from '#platform/event-bus/postgres/event-bus.ts'
import type { RecordedEvent, StreamId } from '#platform/event-store/event-store.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { recordingLogger } from '../../platform/telemetry/recording-logger.ts'
import { next } from './feed-fixture.ts'

type Order = { readonly id: string; readonly customer: string }
type Process = { readonly feed: OrderFeed<Order>; [Symbol.asyncDispose](): Promise<void> }

const ORDERS: readonly Order[] = ['cus_zoe', 'cus_max', 'cus_zoe'].map(customer => ({
  id: newId('order'),
  customer,
}))
const [ZOES = { id: '', customer: '' }] = ORDERS
const { logger } = recordingLogger('fatal')

/** One BFF process: it has its own connection to the bus and its own follower. */
async function openProcess(url: string, limits: Partial<FeedLimits> = {}): Promise<Process> {
  await using open = new AsyncDisposableStack()
  const bus = open.use(await openPostgresEventBus({ url, trimEveryMs: 20 }))
  const follower = open.use(createBusFollower({ bus, logger, history: 10 }))
  const feed = open.use(
    openOrderFeed<Order>({
      follower,
      bus,
      read: async id => ORDERS.find(order => order.id === id),
      ownerOf: order => order.customer,
      idOf: order => order.id,
      logger,
      limits,
    }),
  )
  const running = open.move()
  return { feed, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

function createPublisher(bus: EventBus) {
  const logs = new Map<string, { id: string; order: string }[]>(ORDER_TOPICS.map(topic => [topic, []]))
  return {
    logs,
    async publish(topic: string, orders: readonly Order[]): Promise<void> {
      const log = logs.get(topic) ?? []
      const events = orders.map((order, index) => eventOf(topic, order, log.length + index + 1))
      log.push(...events.map((event, index) => ({ id: event.id, order: orders[index]?.id ?? '' })))
      await bus.publish(topic, events)
    },
  }
}

function eventOf(topic: string, { id }: Order, position: number): RecordedEvent {
  const streams: Record<string, StreamId> = {
    orders: `order-${id}`,
    payment: `payment-${siblingId('payment', id)}`,
  }
  return {
    position,
    stream: streams[topic] ?? 'stock-mug',
    version: position,
    id: crypto.randomUUID(),
    type: 'SomethingHappened',
    schema: 1,
    data: topic in streams ? {} : { orderId: id },
    meta: {},
    recordedAt: new Date().toISOString(),
  }
}

test('subscribers of two processes, disconnected at random while orders change, get each event exactly once and in order', async () => {
  const url = await freshDatabase()
  await using bus = await openPostgresEventBus({ url })
  await using one = await openProcess(url, { window: 5 })
  await using two = await openProcess(url, { window: 5 })
  const publisher = createPublisher(bus)
  const scopes: readonly Scope[] = [
    { order: ZOES.id },
    { customer: 'cus_zoe' },
    { customer: 'cus_max' },
    { all: true },
  ]
  const expected = (scope: Scope, topic: string) =>
    (publisher.logs.get(topic) ?? [])
      .filter(({ order }) => {
        if ('order' in scope) return order === scope.order
        return !('customer' in scope) || ORDERS.find(({ id }) => id === order)?.customer === scope.customer
      })
      .map(({ id }) => id)
  let isPublished = false

  async function follow(scope: Scope, onBegun: () => void): Promise<OrderEvent[]> {
    const got: OrderEvent[] = []
    let after: string | undefined
    for (;;) {
      const { feed } = Math.random() < 0.5 ? one : two
      const stream = await feed.watch({ scope, after, present: async () => [] })
      for (let changes = 1 + Math.random() * 4; changes > 0; changes--) {
        if (isPublished && got.length >= ORDER_TOPICS.flatMap(topic => expected(scope, topic)).length) {
          await stream.return?.()
          return got
        }
        const change = await next(stream)
        expect(change.kind).toBe(after ? 'CHANGED' : 'PRESENT')
        onBegun()
        got.push(...change.events)
        after = change.cursor
      }
      await stream.return?.()
    }
  }

  const begun: Promise<void>[] = []
  const following = Array.from({ length: 40 }, (_, index) => {
    const scope = scopes[index % scopes.length] ?? { all: true }
    const { promise, resolve } = Promise.withResolvers<void>()
    begun.push(promise)
    return follow(scope, resolve).then(got => ({ scope, got }))
  })
  await Promise.all(begun)
  for (let round = 0; round < 60; round++) {
    const topic = ORDER_TOPICS[Math.floor(Math.random() * ORDER_TOPICS.length)] ?? 'orders'
    await publisher.publish(
      topic,
      ORDERS.filter(() => Math.random() < 0.7),
    )
  }
  isPublished = true
  await publisher.publish('orders', ORDERS) // wakes those who wait for more than there is
  for (const { scope, got } of await Promise.all(following))
    for (const topic of ORDER_TOPICS)
      expect(got.filter(event => event.service === topic).map(event => event.id)).toEqual(
        expected(scope, topic),
      )
})

test('a cursor whose events are deleted on the bus is too old, and the change says so', async () => {
  const url = await freshDatabase()
  await using bus = await openPostgresEventBus({ url, retentionMs: 60_000, trimEveryMs: 20 })
  const publisher = createPublisher(bus)
  await using first = await openProcess(url)
  const scope = { order: ZOES.id }
  const { cursor } = await next(await first.feed.watch({ scope, present: async () => [ZOES] }))
  await publisher.publish(
    'orders',
    Array.from({ length: 20 }, () => ZOES),
  )
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`UPDATE event_bus.batches SET published_at = now() - interval '2 minutes'`)
  await client.end()
  await expect.poll(() => bus.read('orders', 0, 1).catch(() => 'gone')).toBe('gone')
  await using second = await openProcess(url)
  const stream = await second.feed.watch({ scope, after: cursor, present: async () => [ZOES] })
  expect(await next(stream)).toMatchObject({ kind: 'RESTARTED', events: [], orders: [ZOES] })
  const change = next(stream)
  await publisher.publish('payment', [ZOES])
  expect((await change).events).toHaveLength(1)
  await expect(
    second.feed.watch({ scope, after: (await change).cursor, present: async () => [ZOES] }),
  ).resolves.toBeDefined()
})
