// Tests views after crashes of their server and of their process: they are what a rebuild from the log makes them.
import { expect, onTestFinished, test } from 'vitest'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import { rebuildView } from '#platform/read-models/rebuild.ts'
import { startProjections } from '#platform/read-models/run-projections.ts'
import { freshDatabase, queryDatabase } from '#test/fixtures/databases.ts'
import { startKillable } from '#test/fixtures/killable-process.ts'
import { startKillableServer } from '#test/platform/postgres/killable-server.ts'
import { documentsOf, grow, overview, tallies } from '#test/platform/read-models/tally.ts'

/** A limit for tests that hang. */
const WAIT = 60_000

async function openService(url: string) {
  const open = new AsyncDisposableStack()
  onTestFinished(() => open.disposeAsync())
  const store = open.use(await openPostgresEventStore({ url }))
  const readModels = open.use(await openReadModels(url, { eventStoreUrl: url }))
  return { store, readModels, open }
}

/** Compares the views with what a rebuild from the log makes of them. */
async function expectRebuilt(url: string): Promise<void> {
  const { store, readModels, open } = await openService(url)
  const shown = async () => [
    await documentsOf(readModels, tallies()),
    await documentsOf(readModels, overview),
  ]
  const before = await shown()
  await rebuildView(store, readModels, tallies())
  await rebuildView(store, readModels, overview)
  expect(before).toEqual(await shown())
  await open.disposeAsync()
}

test('a process that survives its server applies again what the views lost', async () => {
  const server = await startKillableServer()
  const { store, readModels, open } = await openService(server.url)
  const seen: number[] = []
  const counted = {
    ...tallies(),
    project(event: Parameters<(typeof overview)['project']>[0]) {
      seen.push(event.position)
      return tallies().project(event)
    },
  }
  const projections = open.use(await startProjections({ store, readModels, views: [counted, overview] }))
  for (let round = 0; round < 20; round++)
    await projections.reached(await grow(store, `tally-${round % 3}`, [1, 2]), WAIT)
  const rewound = Promise.withResolvers<void>()
  projections.consumer.onProgress(position => position < 40 && rewound.resolve())
  await server.kill()
  await rewound.promise
  expect(await projections.reached(40, WAIT)).toBe(true)
  expect(seen.filter(position => position === 40)).toHaveLength(2)
  expect((await projections.collection(overview).get('all'))?.events).toBe(40)
  await open.disposeAsync()
  await expectRebuilt(server.url)
})

test('views that lost commits together with their process are whole after a restart', async () => {
  const server = await startKillableServer()
  const { store, readModels, open } = await openService(server.url)
  const owner = startKillable(new URL('views-process.ts', import.meta.url), [server.url])
  onTestFinished(owner.kill)
  await owner.said('started')
  const position = await grow(store, 'tally-a', [1, 2, 3])
  const shown = async () => (await documentsOf(readModels, overview)).all
  await expect.poll(shown).toMatchObject({ events: 3 })
  await Promise.all([owner.kill(), server.kill()])
  await expect.poll(() => shown().catch(() => 'away')).not.toBe('away') // usually without the three events
  const projections = open.use(await startProjections({ store, readModels, views: [tallies(), overview] }))
  expect(await projections.reached(position, WAIT)).toBe(true)
  expect(await shown()).toMatchObject({ events: 3 })
  await open.disposeAsync()
  await expectRebuilt(server.url)
})

test('views are whole after their process was killed in the middle of batches', async () => {
  const url = await freshDatabase()
  const { store, readModels, open } = await openService(url)
  for (let round = 0; round < 3; round++) {
    const owner = startKillable(new URL('views-process.ts', import.meta.url), [url])
    onTestFinished(owner.kill)
    await owner.said('started')
    const writing = Promise.all(
      Array.from({ length: 30 }, (_, index) => grow(store, `tally-${index}`, [1, 2, 3])),
    )
    await owner.said('batch 1')
    await owner.kill()
    await writing
  }
  const projections = open.use(await startProjections({ store, readModels, views: [tallies(), overview] }))
  expect(await projections.reached(270, WAIT)).toBe(true)
  expect((await projections.collection(overview).get('all'))?.events).toBe(270)
  await open.disposeAsync()
  await expectRebuilt(url)
})

test('an owner that loses its session alone goes back to what is durable, and misses nothing', async () => {
  const url = await freshDatabase()
  const { store, readModels, open } = await openService(url)
  const projections = open.use(await startProjections({ store, readModels, views: [tallies(), overview] }))
  for (let round = 0; round < 5; round++) {
    await projections.reached(await grow(store, 'tally-a', [1, 2]), WAIT)
    const [ended] = await queryDatabase<{ count: number }>(
      url,
      `SELECT count(pg_terminate_backend(pid))::int FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'waybill read models writer'`,
    )
    expect(ended).toEqual({ count: 1 })
  }
  expect(await projections.reached(await grow(store, 'tally-b', [7]), WAIT)).toBe(true)
  expect(await projections.collection(tallies()).get('tally-a')).toMatchObject({ sum: 15, events: 10 })
  await open.disposeAsync()
  await expectRebuilt(url)
})
