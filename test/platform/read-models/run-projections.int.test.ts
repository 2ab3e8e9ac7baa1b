import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { openEventBus } from '#platform/event-bus/open.ts'
import { startPublisher } from '#platform/event-bus/publisher.ts'
import type { EventStore, RecordedEvent } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import { applyEvents, type View } from '#platform/read-models/projection.ts'
import type { Document, ReadModels } from '#platform/read-models/read-models.ts'
import { type Projections, startProjections } from '#platform/read-models/run-projections.ts'
import { freshDatabase, queryDatabase } from '#test/fixtures/databases.ts'
import { documentsOf, grow, overview, tallies } from '#test/platform/read-models/tally.ts'

type Process = {
  readonly store: EventStore
  readonly readModels: ReadModels
  readonly open: AsyncDisposableStack
}

/** A process of a service: its own connections to the service's store and read models. */
async function startProcess(storeUrl: string, readModelsUrl = storeUrl): Promise<Process> {
  const open = new AsyncDisposableStack()
  onTestFinished(() => open.disposeAsync())
  const store = open.use(await openPostgresEventStore({ url: storeUrl }))
  const readModels = open.use(await openReadModels(readModelsUrl))
  return { store, readModels, open }
}

async function project(process: Process, views: readonly View<Document>[]): Promise<Projections> {
  return process.open.use(await startProjections({ ...process, views }))
}

test('views show an appended event once its position is reached', async () => {
  const process = await startProcess(await freshDatabase())
  const projections = await project(process, [tallies(), overview])
  await grow(process.store, 'tally-a', [1, 2])
  await grow(process.store, 'tally-b', [5])
  await grow(process.store, 'other-c', [5])
  const position = await grow(process.store, 'tally-a', [3])
  expect(await projections.reached(position, 5_000)).toBe(true)
  const collection = projections.collection(tallies())
  expect(await collection.get('tally-a')).toEqual({ sum: 6, events: 3, parity: 'even' })
  expect(await collection.getMany(['tally-b', 'other-c'])).toEqual(
    new Map([['tally-b', { sum: 5, events: 1, parity: 'odd' }]]),
  )
  expect(await projections.shownPosition(overview)).toBe(position)
  expect(await projections.collection(overview).get('all')).toEqual({ events: 5, log: '1 2 3 4 5 ' })
  expect(await projections.reached(position + 1, 10)).toBe(false)
  expect(() => projections.collection(tallies(9))).toThrow(/tallies_v9/)
})

test('a deleted document can come back, and starts anew', async () => {
  const process = await startProcess(await freshDatabase())
  const projections = await project(process, [tallies()])
  const collection = projections.collection(tallies())
  await projections.reached(await grow(process.store, 'tally-a', [1, 2, 0]), 5_000)
  expect(await collection.get('tally-a')).toBeUndefined()
  await projections.reached(await grow(process.store, 'tally-a', [7]), 5_000)
  expect(await collection.get('tally-a')).toEqual({ sum: 7, events: 1, parity: 'odd' })
})

test('batches applied twice, in pieces that overlap, or by two at once give what one pass gives', async () => {
  const { readModels } = await startProcess(await freshDatabase())
  const stream = fc.constantFrom('tally-a', 'tally-b', 'tally-c')
  const history = fc.array(fc.record({ stream, by: fc.integer({ min: 0, max: 3 }) }), {
    maxLength: 40,
    size: 'max',
  })
  const cuts = fc.array(fc.tuple(fc.nat(6), fc.integer({ min: 1, max: 9 }), fc.boolean()), {
    size: 'max',
    maxLength: 12,
  })
  let version = 0
  const property = fc.asyncProperty(history, cuts, async (steps, pieces) => {
    version += 2
    const events = steps.map(({ stream, by }, index) => recorded(index + 1, stream, by))
    const [once, often] = [tallies(version), tallies(version + 1)]
    await applyEvents(once, await readModels.collection(once.collection), events)
    const collection = await readModels.collection(often.collection)
    let reached = 0
    for (const [back, length, isTwice] of pieces) {
      const start = Math.max(0, reached - back) // a consumer goes back at times, and never leaves anything out
      const piece = events.slice(start, start + length)
      reached = Math.max(reached, start + piece.length)
      await Promise.all(
        [piece, ...(isTwice ? [piece] : [])].map(part => applyEvents(often, collection, part)),
      )
    }
    await applyEvents(often, collection, events.slice(reached))
    expect(await documentsOf(readModels, often)).toEqual(await documentsOf(readModels, once))
  })
  await fc.assert(property, { numRuns: 25 })
})

function recorded(position: number, stream: 'tally-a' | 'tally-b' | 'tally-c', by: number): RecordedEvent {
  return {
    position,
    stream,
    version: position,
    id: `${position}`,
    type: by === 0 ? 'Cleared' : 'Grown',
    schema: 1,
    data: { by },
    meta: {},
    recordedAt: new Date(position).toISOString(),
  }
}

test('a former owner that is late does not bring back a document that came and went', async () => {
  const { readModels } = await startProcess(await freshDatabase())
  const [view, collection] = [tallies(), await readModels.collection(tallies().collection)]
  const [grown, cleared] = [recorded(1, 'tally-a', 1), recorded(2, 'tally-a', 0)]
  await applyEvents(view, collection, [grown, cleared])
  await applyEvents(view, collection, [grown])
  expect(await collection.get('tally-a')).toBeUndefined()
})

test('a restart handles nothing twice and misses nothing, and a new process takes over', async () => {
  const url = await freshDatabase()
  const first = await startProcess(url)
  await project(first, [overview])
  await grow(first.store, 'tally-a', [1, 1])
  const second = await startProcess(url)
  const projections = await project(second, [overview])
  await first.open.disposeAsync()
  const position = await grow(second.store, 'tally-a', [1, 1])
  expect(await projections.reached(position, 5_000)).toBe(true)
  expect(await projections.collection(overview).get('all')).toEqual({ events: 4, log: '1 2 3 4 ' })
})

test('a rebuild under load shows every event once, never steps back, and never fails a reader', async () => {
  const process = await startProcess(await freshDatabase())
  const projections = await project(process, [tallies(), overview])
  const collection = projections.collection(overview)
  for (let round = 0; round < 20; round++) await grow(process.store, `tally-${round}`, Array(50).fill(1))

  let isDone = false
  async function writeOn(stream: `tally-${string}`): Promise<void> {
    while (!isDone) await grow(process.store, stream, [1])
  }
  async function readOn(): Promise<void> {
    for (let seen = 0; !isDone; ) {
      const events = (await collection.get('all'))?.events ?? 0
      expect(events).toBeGreaterThanOrEqual(seen)
      seen = events
    }
  }
  const busy = [writeOn('tally-x'), writeOn('tally-y'), readOn(), readOn()]
  await projections.reached(1_000, 5_000)
  for (let rebuilds = 0; rebuilds < 3; rebuilds++)
    expect(await projections.rebuild(overview)).toBeGreaterThanOrEqual(1_000)
  isDone = true
  await Promise.all(busy)

  const head = await process.store.head()
  expect(await projections.reached(head, 5_000)).toBe(true)
  const all = await collection.get('all')
  expect(all?.events).toBe(head)
  const positions = all?.log.trim().split(' ').slice(1).map(Number) ?? []
  expect(positions).toEqual(positions.map((_, index) => head - positions.length + 1 + index))
})

test('a rebuild repairs the documents of a faulty projection', async () => {
  const url = await freshDatabase()
  const faulty = await startProcess(url)
  const wrong: View<Document> = { ...tallies(), project: event => [{ id: event.stream, update: () => ({}) }] }
  const broken = await project(faulty, [wrong])
  const position = await grow(faulty.store, 'tally-a', [1, 2])
  expect(await broken.reached(position, 5_000)).toBe(true)
  await faulty.open.disposeAsync()
  const mended = await startProcess(url)
  const projections = await project(mended, [tallies()])
  expect(await projections.rebuild(tallies())).toBe(2)
  expect(await projections.collection(tallies()).get('tally-a')).toEqual({ sum: 3, events: 2, parity: 'odd' })
})

test('a failed rebuild leaves the live view unchanged', async () => {
  const process = await startProcess(await freshDatabase())
  const projections = await project(process, [tallies()])
  await projections.reached(await grow(process.store, 'tally-a', [1]), 5_000)
  const failing: View<Document> = {
    ...tallies(),
    project() {
      throw new Error('no way')
    },
  }
  await expect(projections.rebuild(failing)).rejects.toThrow('no way')
  expect(await projections.rebuild(tallies())).toBe(1)
  expect(await projections.collection(tallies()).get('tally-a')).toEqual({ sum: 1, events: 1, parity: 'odd' })
})

test('a new version of a view is complete before its process is ready, and is updated while an older build owns the consumer', async () => {
  const url = await freshDatabase()
  const old = await startProcess(url)
  const before = await project(old, [tallies(1)])
  await before.reached(await grow(old.store, 'tally-a', [1, 2, 3]), 5_000)

  const recent = await startProcess(url)
  const projections = await project(recent, [tallies(2)])
  const collection = projections.collection(tallies(2))
  expect(await collection.get('tally-a')).toEqual({ sum: 6, events: 3, parity: 'even' })

  await grow(old.store, 'tally-a', [4])
  await expect.poll(() => collection.get('tally-a'), { timeout: 10_000 }).toMatchObject({ sum: 10 })
  const position = await grow(old.store, 'tally-a', [5])
  expect(await projections.reached(position, 5_000)).toBe(true)
  expect(await collection.get('tally-a')).toMatchObject({ sum: 15, events: 5 })
  expect(await projections.shownPosition(tallies(2))).toBe(position)

  await before.reached(await grow(old.store, 'tally-a', [6]), 5_000) // handled by the old build, and then it ends
  await old.open.disposeAsync()
  await projections.reached(await grow(recent.store, 'tally-a', [7]), 10_000)
  expect(await collection.get('tally-a')).toEqual({ sum: 28, events: 7, parity: 'even' })
})

test('an owner drops the earlier version of a view, which an earlier build that comes back fills anew', async () => {
  const url = await freshDatabase()
  const old = await startProcess(url)
  const before = await project(old, [tallies(1), overview])
  await before.reached(await grow(old.store, 'tally-a', [1, 2, 3]), 5_000)
  await old.open.disposeAsync()

  const recent = await startProcess(url)
  recent.open.use(await startProjections({ ...recent, views: [tallies(2), overview], keepEarlierMs: 0 }))
  const tables = () =>
    queryDatabase<{ name: string }>(
      url,
      "SELECT relname AS name FROM pg_class WHERE relname LIKE 'tallies_v1%'",
    )
  await expect.poll(tables).toEqual([])
  await recent.open.disposeAsync()

  const back = await startProcess(url)
  const again = await project(back, [tallies(1), overview])
  expect(await again.collection(tallies(1)).get('tally-a')).toMatchObject({ sum: 6, events: 3 })
  expect(await again.collection(overview).get('all')).toMatchObject({ events: 3 })
})

test('views are filled from the log when their engine is empty', async () => {
  const [storeUrl, readModelsUrl] = [await freshDatabase(), await freshDatabase()]
  const first = await startProcess(storeUrl)
  await (await project(first, [tallies()])).reached(await grow(first.store, 'tally-a', [1, 2]), 5_000)
  await first.open.disposeAsync()
  const moved = await startProcess(storeUrl, readModelsUrl)
  const projections = await project(moved, [tallies(), overview])
  expect(await projections.collection(tallies()).get('tally-a')).toMatchObject({ sum: 3 })
  expect(await projections.collection(overview).get('all')).toMatchObject({ events: 2 })
})

test('read models of another store are refused', async () => {
  const url = await freshDatabase()
  const first = await startProcess(url)
  const projections = await project(first, [tallies()])
  await projections.reached(await grow(first.store, 'tally-a', [1, 2]), 5_000)
  await first.open.disposeAsync()
  const mixed = await startProcess(await freshDatabase(), url)
  await expect(project(mixed, [tallies()])).rejects.toMatchObject({ code: 'READ_MODELS_AHEAD' })
})

test('an event that cannot be projected is parked, and other events continue', async () => {
  const process = await startProcess(await freshDatabase())
  const picky: View<Document> = {
    ...tallies(),
    project(event) {
      if (event.stream === 'tally-bad') throw new Error('no such tally')
      return tallies().project(event)
    },
  }
  const projections = await project(process, [picky])
  await grow(process.store, 'tally-bad', [1])
  expect(await projections.reached(await grow(process.store, 'tally-a', [2]), 10_000)).toBe(true)
  expect(await projections.collection(tallies()).get('tally-a')).toMatchObject({ sum: 2 })
  expect(projections.consumer.status().deadLetters).toBe(1)
})

test('onLag gets the time from recording to visibility after each batch', async () => {
  const process = await startProcess(await freshDatabase())
  const lags: number[] = []
  const options = { ...process, views: [tallies()], onLag: (ms: number) => void lags.push(ms) }
  const projections = process.open.use(await startProjections(options))
  await projections.reached(await grow(process.store, 'tally-a', [1]), 5_000)
  expect(lags).toHaveLength(1)
  expect(lags[0]).toBeGreaterThanOrEqual(0)
})

test('a subscriber of the bus finds each event in the views', async () => {
  const url = await freshDatabase()
  const process = await startProcess(url)
  const projections = await project(process, [overview])
  const bus = process.open.use(await openEventBus(url))
  process.open.use(
    await startPublisher({ store: process.store, bus, topic: 'tallies', behind: projections.consumer }),
  )
  const late: number[] = []
  const all = Promise.withResolvers<void>()
  const deliver = async (messages: readonly { position: number }[]) => {
    const last = messages.at(-1)?.position ?? 0
    if (((await projections.collection(overview).get('all'))?.events ?? 0) < last) late.push(last)
    if (last === 60) all.resolve()
  }
  process.open.use(await bus.tail(['tallies'], deliver, { tallies: 0 }))
  for (let round = 0; round < 60; round++) await grow(process.store, `tally-${round % 7}`, [1])
  await all.promise
  expect(late).toEqual([])
  expect((await bus.read('tallies', 0, 1_000)).map(message => message.position)).toEqual(
    Array.from({ length: 60 }, (_, index) => index + 1),
  )
})
