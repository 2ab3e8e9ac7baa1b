import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openEventBus } from '#platform/event-bus/open.ts'
import { openPostgresEventBus } from '#platform/event-bus/postgres/event-bus.ts'
import { startPublisher } from '#platform/event-bus/publisher.ts'
import type { EventStore } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { openSession, withSession } from '#platform/postgres/pool.ts'
import { startEmbeddedPostgres } from '#start/embedded-postgres.ts'
import { queryDatabase } from '#test/fixtures/databases.ts'
import { startKillable } from '#test/fixtures/killable-process.ts'
import { inbox, range } from '#test/platform/event-bus/messages.ts'

let directory: string
let postgres: Awaited<ReturnType<typeof startEmbeddedPostgres>>
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'waybill-crash-'))
  postgres = await startEmbeddedPostgres({ directory, log: () => {} })
  // Only a durable commit writes to disk, so that a crash surely takes the soft ones after it.
  const url = await postgres.database('postgres')
  for (const setting of ["wal_writer_delay = '10s'", "wal_writer_flush_after = '1GB'"])
    await queryDatabase(url, `ALTER SYSTEM SET ${setting}`)
  await queryDatabase(url, 'SELECT pg_reload_conf()')
})
afterAll(async () => {
  await postgres[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

/** Ends the server as a crash does, and waits until it was started again. */
async function crash(url: string): Promise<void> {
  const session = await openSession(url)
  const { rows } = await session.query<{ text: string }>("SELECT pg_read_file('postmaster.pid') AS text")
  const ended = new Promise(resolve => session.once('end', resolve))
  process.kill(Number(rows[0]?.text.split('\n')[0]), 'SIGQUIT')
  await ended
  const answer = () => withSession(url, opened => opened.query('SELECT 1'))
  await expect
    .poll(() =>
      answer().then(
        () => 'up',
        () => 'down',
      ),
    )
    .toBe('up')
}

async function append(store: EventStore, version: number): Promise<void> {
  const events = [{ type: 'Noted', data: {} }]
  await store.append({ writes: [{ stream: 'order-1', expected: version - 1, events }] })
}

async function positionsOn(busUrl: string): Promise<number[]> {
  await using bus = await openPostgresEventBus({ url: busUrl })
  return (await bus.read('orders', 0, 10_000)).map(({ position }) => position)
}

test('messages that a crash of the server takes are published again, and readers get each once', async () => {
  const [storeUrl, busUrl] = [await postgres.database('store_1'), await postgres.database('bus_1')]
  await using store = await openPostgresEventStore({ url: storeUrl })
  await using bus = await openEventBus(busUrl)
  await using behind = await store.consume({ name: 'views', handle: async () => {} })
  await using _publisher = await startPublisher({ store, bus, topic: 'orders', behind, soft: true })
  const [tailed, grouped] = [inbox(), inbox()]
  await using _tail = await bus.tail(['orders'], tailed.deliver)
  await using _group = await bus.subscribe('group', ['orders'], grouped.deliver)
  for (let version = 1; version <= 5; version++) {
    await append(store, version)
    await tailed.received(version)
  }
  const crashedAt = new Date()
  await crash(busUrl)
  await expect.poll(() => positionsOn(busUrl)).toEqual(range(1, 5))
  const again = 'SELECT last FROM event_bus.batches WHERE published_at > $1'
  expect((await queryDatabase(busUrl, again, [crashedAt])).length).toBeGreaterThan(0)
  await expect
    .poll(() =>
      append(store, 6).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true)
  expect(await tailed.received(6)).toEqual(range(1, 6))
  await grouped.received(6)
  expect([...new Set(grouped.positions)]).toEqual(range(1, 6))
})

test('messages that were lost are published before those that come after the crash', async () => {
  const [storeUrl, busUrl] = [await postgres.database('store_2'), await postgres.database('bus_2')]
  await using store = await openPostgresEventStore({ url: storeUrl })
  await using bus = await openEventBus(busUrl)
  await using other = await openPostgresEventBus({ url: busUrl })
  await using behind = await store.consume({ name: 'views', handle: async () => {} })
  await using _publisher = await startPublisher({ store, bus, topic: 'orders', behind, soft: true })
  const [near, far] = [inbox(), inbox()]
  await using _near = await bus.tail(['orders'], near.deliver)
  for (let version = 1; version <= 3; version++) {
    await append(store, version)
    await near.received(version)
  }
  await crash(busUrl)
  await expect
    .poll(() =>
      append(store, 4).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true)
  await using _far = await other.tail(['orders'], far.deliver, { orders: 0 })
  expect(await far.received(4)).toEqual(range(1, 4))
  expect(await near.received(4)).toEqual(range(1, 4))
})

test.each(['the process', 'the process and the server'])(
  'every event is on the bus, in order, after %s was killed while it published',
  async killed => {
    const name = killed.replaceAll(' ', '_')
    const [storeUrl, busUrl] = [
      await postgres.database(`store_${name}`),
      await postgres.database(`bus_${name}`),
    ]
    const script = new URL('publishing-process.ts', import.meta.url)
    await using publisher = startKillable(script, [storeUrl, busUrl])
    await publisher.said('100')
    if (killed !== 'the process') await crash(busUrl)
    await publisher.kill()
    await using store = await openPostgresEventStore({ url: storeUrl })
    await using bus = await openEventBus(busUrl)
    await using behind = await store.consume({ name: 'views', handle: async () => {} })
    const box = inbox()
    await using _group = await bus.subscribe('group', ['orders'], box.deliver)
    await using _publisher = await startPublisher({ store, bus, topic: 'orders', behind, soft: true })
    const head = await store.head()
    expect(head).toBeGreaterThanOrEqual(100)
    expect(await box.received(head)).toEqual(range(1, head))
    expect(await positionsOn(busUrl)).toEqual(range(1, head))
  },
)
