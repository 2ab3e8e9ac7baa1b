// Tests what every event store promises of appends and reads: a suite that takes the adapter.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Json, JsonObject } from '#platform/domain/json.ts'
import type { EventStore, RecordedEvent, StreamId } from '#platform/event-store/event-store.ts'
import {
  appendMany,
  command,
  event,
  type Fixture,
  positions,
  upTo,
  write,
} from '#test/platform/event-store/fixtures.ts'

export function describeEventStore(adapter: string, fixture: () => Promise<Fixture>): void {
  describe(`an event store on ${adapter}`, () => {
    let database: Fixture
    let store: EventStore
    let clock = new Date('2026-01-01T00:00:00.000Z')

    beforeEach(async () => {
      clock = new Date('2026-01-01T00:00:00.000Z')
      database = await fixture()
      store = await database.open({ now: () => clock })
    })
    afterEach(() => database.close())

    describe('appends', () => {
      test('an event is read back as it was written, with its position and time', async () => {
        const data = { text: 'é"\\{},\n\u2028', nested: [1, null, { deep: true }], amount: -1.5e-7 }
        const meta = { actor: 'customer:cus_1', correlationId: 'c', traceparent: '00-ab-cd-01' }
        const append = { ...write('order-1', 0, { type: 'OrderPlaced', schema: 3, data }), meta }
        expect(await store.append(append)).toMatchObject({ status: 'appended', position: 1 })
        const [recorded] = await store.readStream('order-1')
        expect(recorded).toEqual({
          position: 1,
          stream: 'order-1',
          version: 1,
          id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/),
          type: 'OrderPlaced',
          schema: 3,
          data,
          meta,
          recordedAt: '2026-01-01T00:00:00.000Z',
        })
      })

      test('an append that expects another version conflicts and writes nothing', async () => {
        await store.append(write('order-1', 0, event('A'), event('B')))
        const conflict = { status: 'conflict', stream: 'order-1', actual: 2 }
        expect(await store.append(write('order-1', 1))).toEqual({ ...conflict, expected: 1 })
        expect(await store.append(write('order-1', 3))).toEqual({ ...conflict, expected: 3 })
        expect(await store.append(write('order-2', 1))).toMatchObject({ stream: 'order-2', actual: 0 })
        expect(await store.head()).toBe(2)
      })

      test('exactly one of many appends at the same version succeeds', async () => {
        const rival = await database.open()
        const results = await Promise.all(
          upTo(40).map(n => (n % 2 ? store : rival).append(write('order-1', 0))),
        )
        expect(results.filter(({ status }) => status === 'appended')).toHaveLength(1)
        expect(results.filter(({ status }) => status === 'conflict')).toHaveLength(39)
        expect(await store.head()).toBe(1)
      })

      test('an event may bring its id and its own meta, and the append says when all were recorded', async () => {
        const id = '01900000-0000-7000-8000-000000000001'
        const meta = { correlationId: 'own' }
        const both = write('order-1', 0, { ...event('A'), id, meta }, event('B'))
        const result = await store.append({ ...both, meta: { correlationId: 'shared' } })
        const [first, second] = await store.readStream('order-1')
        expect(first).toMatchObject({ id, meta })
        expect(second?.meta).toEqual({ correlationId: 'shared' })
        expect(result).toEqual({ status: 'appended', position: 2, recordedAt: second?.recordedAt })
        const nameless = write('order-1', 2, { ...event('C'), id: 'order-1' })
        await expect(store.append(nameless)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
      })

      test('writes to several streams are atomic', async () => {
        await store.append(write('stock-a', 0))
        const both = (expectedOfA: number) => ({
          writes: [...write('stock-b', 0).writes, ...write('stock-a', expectedOfA).writes],
        })
        expect(await store.append(both(0))).toMatchObject({ status: 'conflict', stream: 'stock-a' })
        expect(await store.readStream('stock-b')).toEqual([])
        expect(await store.append(both(1))).toMatchObject({ status: 'appended', position: 3 })
        expect(await store.readStream('stock-b')).toHaveLength(1)
      })

      test('a write without events only checks the version', async () => {
        await store.append(write('stock-a', 0))
        const guarded = (expected: number) => ({
          writes: [...write('stock-b', 0).writes, { stream: 'stock-a' as const, expected, events: [] }],
        })
        expect(await store.append(guarded(0))).toMatchObject({ status: 'conflict', stream: 'stock-a' })
        expect(await store.append(guarded(1))).toMatchObject({ status: 'appended' })
        expect(await store.readStream('stock-a')).toHaveLength(1)
      })

      test('each of many concurrent appends succeeds or fails on its own', async () => {
        await store.append(write('order-7', 0))
        const results = await Promise.all(upTo(20).map(n => store.append(write(`order-${n}`, 0))))
        expect(results.filter(({ status }) => status === 'conflict')).toHaveLength(1)
        expect(results[6]).toMatchObject({ status: 'conflict', stream: 'order-7' })
        expect(positions((await store.readLog({ after: 0, limit: 100 })).events)).toEqual(upTo(20))
      })

      test('the position of an append is that of its last event', async () => {
        const results = await Promise.all(
          upTo(10).map(n => store.append(write(`order-${n}`, n === 5 ? 1 : 0, event('A'), event('B')))),
        )
        for (const [index, result] of results.entries()) {
          if (result.status !== 'appended') continue
          const [, last] = await store.readStream(`order-${index + 1}`)
          expect(last?.position).toBe(result.position)
        }
      })
    })

    describe('commands', () => {
      test('a repeated command writes nothing and gets the first outcome, whatever versions it expects', async () => {
        const first = { ...write('order-1', 0), command: command('c1') }
        expect(await store.append(first)).toMatchObject({ status: 'appended', position: 1 })
        await store.append(write('order-1', 1))
        const repeated = { status: 'repeated', position: 1, fingerprint: 'body', outcome: { told: 'c1' } }
        expect(await store.append(first)).toEqual(repeated)
        const another = { ...write('order-1', 2), command: command('c1', 'another body', { told: 'other' }) }
        expect(await store.append(another)).toEqual(repeated)
        expect(await store.head()).toBe(2)
      })

      test('exactly one of many concurrent repeats of a command writes', async () => {
        const rival = await database.open()
        const results = await Promise.all(
          upTo(40).map(n =>
            (n % 2 ? store : rival).append({ ...write(`order-${n}`, 0), command: command('c1') }),
          ),
        )
        expect(results.filter(({ status }) => status === 'appended')).toHaveLength(1)
        expect(results.filter(({ status }) => status === 'repeated')).toHaveLength(39)
        expect(await store.head()).toBe(1)
      })

      test("a command without writes is recorded at the store's current position", async () => {
        await appendMany(store, 'order', 3)
        const refusal = { writes: [], command: command('c1') }
        expect(await store.append(refusal)).toMatchObject({ status: 'appended', position: 3 })
        expect(await store.append(refusal)).toMatchObject({ status: 'repeated', position: 3 })
        expect(await store.findCommand('c1')).toEqual({
          fingerprint: 'body',
          outcome: { told: 'c1' },
          position: 3,
        })
        expect(await store.findCommand('c2')).toBeUndefined()
      })

      test('forgetting a command frees its id, and does nothing for another fingerprint or an unknown id', async () => {
        await store.append({ writes: [], command: command('c1') })
        await store.forgetCommand('c1', 'another body')
        await store.forgetCommand('c2', 'body')
        expect(await store.findCommand('c1')).toMatchObject({ fingerprint: 'body' })
        await store.forgetCommand('c1', 'body')
        expect(await store.findCommand('c1')).toBeUndefined()
        expect(await store.append({ ...write('order-1', 0), command: command('c1') })).toMatchObject({
          status: 'appended',
        })
      })

      test('a command that conflicts is not recorded', async () => {
        await store.append(write('order-1', 0))
        await store.append({ ...write('order-1', 0), command: command('c1') })
        expect(await store.findCommand('c1')).toBeUndefined()
        expect(await store.append({ ...write('order-1', 1), command: command('c1') })).toMatchObject({
          status: 'appended',
        })
      })

      test('concurrent commands are recorded each at its own position, with refused ones in between', async () => {
        await store.append({ writes: [], command: command('c4') })
        await store.append(write('order-6', 0))
        await Promise.all(
          upTo(9).map(n =>
            store.append({ ...write(`order-${n}`, 0, event('A'), event('B')), command: command(`c${n}`) }),
          ),
        )
        for (const n of [1, 2, 3, 5, 7, 8, 9]) {
          const [, last] = await store.readStream(`order-${n}`)
          expect(await store.findCommand(`c${n}`)).toMatchObject({ position: last?.position })
        }
        expect(await store.findCommand('c6')).toBeUndefined()
        expect(positions((await store.readLog({ after: 0, limit: 100 })).events)).toEqual(upTo(15))
      })
    })

    describe('reads', () => {
      test('a stream is read within bounds of versions', async () => {
        await store.append(write('order-1', 0, ...upTo(5).map(n => event('Counted', { n }))))
        const versions = async (range: object) =>
          (await store.readStream('order-1', range)).map(({ version }) => version)
        expect(await versions({})).toEqual([1, 2, 3, 4, 5])
        expect(await versions({ after: 2, upTo: 4 })).toEqual([3, 4])
        expect(await versions({ after: 5 })).toEqual([])
        expect(await store.readStream('order-2')).toEqual([])
      })

      test('the log is read in position order, page by page and by category', async () => {
        await store.append(write('order-1', 0, event('A'), event('B')))
        await store.append(write('stock-x-1', 0))
        await store.append(write('order-2', 0))
        const read = async (after: number, limit: number, ...categories: string[]) =>
          positions(
            (await store.readLog({ after, limit, ...(categories.length > 0 && { categories }) })).events,
          )
        expect(await read(0, 10)).toEqual([1, 2, 3, 4])
        expect(await read(1, 2)).toEqual([2, 3])
        expect(await read(4, 10)).toEqual([])
        expect(await read(0, 10, 'stock')).toEqual([3])
        expect(await read(0, 2, 'order')).toEqual([1, 2])
        expect(await read(2, 10, 'order', 'stock')).toEqual([3, 4])
        expect(await read(0, 10, 'stock-x')).toEqual([])
      })

      test('a reader of the log never sees a gap or a step back behind 50 concurrent writers on two stores', async () => {
        const rival = await database.open()
        const total = 50 * 20
        const seen: number[] = []
        const tail = (async () => {
          for (; seen.length < total; await nextTurn())
            for (const { position } of await readAfter(rival, seen.at(-1) ?? 0)) seen.push(position)
        })()
        const writers = upTo(50).map(async n => {
          for (let version = 0; version < 20; version++)
            await (n % 2 ? store : rival).append(write(`order-${n}`, version))
        })
        await Promise.all([...writers, tail])
        expect(seen).toEqual(upTo(total))
      })

      test('a read by category passes over a bounded number of positions, and says how far it came', async () => {
        const crowd = Array.from({ length: 1_000 }, () => event('Noted'))
        for (let n = 1; n <= 6; n++) await store.append(write(`stock-${n}`, 0, ...crowd))
        await store.append(write('order-1', 0))
        const fresh = await database.open()
        const steps: [events: number[], scannedTo: number][] = []
        for (let after = 0; after < 6_001; ) {
          const { events, scannedTo } = await fresh.readLog({ after, limit: 10, categories: ['order'] })
          steps.push([positions(events), scannedTo])
          after = scannedTo
        }
        expect(steps).toEqual([
          [[], 5_000],
          [[6_001], 6_001],
        ])
        const atEnd = await fresh.readLog({ after: 6_001, limit: 10, categories: ['order'] })
        expect(atEnd).toEqual({ events: [], scannedTo: 6_001 })
        const consumer = await fresh.consume({ name: 'views', categories: ['order'], async handle() {} })
        expect(await consumer.reached(6_001, 60_000)).toBe(true)
      })

      test('what another store appended is read, in order, by one that has read before', async () => {
        const rival = await database.open()
        for (let n = 1; n <= 30; n++) {
          const result = await (n % 3 ? store : rival).append(write(`order-${n}`, 0))
          expect(result).toMatchObject({ position: n })
          if (n % 3) expect(await store.head()).toBe(n)
          await vi.waitFor(async () => expect(await readAll(store)).toEqual(upTo(n)), {
            timeout: 30_000,
            interval: 1,
          })
        }
      })

      test('listeners are called for appends through this store and through others', async () => {
        const rival = await database.open()
        const heard = new Promise<void>(resolve => rival.onAppended(resolve))
        await store.append(write('order-1', 0))
        await heard
        let count = 0
        const stop = store.onAppended(() => (count += 1))
        await store.append(write('order-2', 0))
        expect(count).toBeGreaterThan(0)
        stop()
      })
    })

    describe('snapshots', () => {
      test('a snapshot is found under its schema only, and the newest wins', async () => {
        await store.saveSnapshot('order-1', { version: 20, schema: 2, state: { lines: [1] } })
        await store.saveSnapshot('order-1', { version: 10, schema: 2, state: { lines: [] } })
        expect(await store.loadSnapshot('order-1', 2)).toEqual({
          version: 20,
          schema: 2,
          state: { lines: [1] },
        })
        expect(await store.loadSnapshot('order-1', 1)).toBeUndefined()
        await store.saveSnapshot('order-1', { version: 5, schema: 1, state: 'old' })
        expect(await store.loadSnapshot('order-1', 1)).toEqual({ version: 5, schema: 1, state: 'old' })
        expect(await store.loadSnapshot('order-2', 2)).toBeUndefined()
      })
    })

    describe('bad input', () => {
      const BAD = { code: 'BAD_USER_INPUT' }

      test.each<[string, string]>([
        ['no dash', 'order'],
        ['no id', 'order-'],
        ['no category', '-1'],
        ['U+0000', 'order-\0'],
        ['a line break', 'order-1\n2'],
        ['half a surrogate pair', 'order-\ud800'],
        ['more than 256 characters', `order-${'x'.repeat(300)}`],
      ])('a stream name with %s is refused by writes and reads', async (_, stream) => {
        await expect(store.append(write(stream as StreamId, 0))).rejects.toMatchObject(BAD)
        await expect(store.readStream(stream as StreamId)).rejects.toMatchObject(BAD)
      })

      test.each<[string, Json]>([
        ['U+0000', { text: 'a\0b' }],
        ['U+0000 in a key', { 'a\0b': 1 }],
        ['half a surrogate pair', { list: ['\udc00'] }],
        ['infinity', { amount: Number.POSITIVE_INFINITY }],
        ['not a number', { amount: Number.NaN }],
        ['endless depth', nested(100_000)],
        ['more than a mebibyte', { text: 'é'.repeat(600_000) }],
      ])('data with %s fails its own append and no other', async (_, data) => {
        const good = upTo(5).map(n => store.append(write(`order-${n}`, 0)))
        const poison = store.append(write('order-9', 0, event('Poisoned', data as JsonObject)))
        await expect(poison).rejects.toMatchObject(BAD)
        expect((await Promise.all(good)).every(({ status }) => status === 'appended')).toBe(true)
        await expect(
          store.append({ writes: [], command: { id: 'c', fingerprint: 'f', outcome: data } }),
        ).rejects.toMatchObject(BAD)
      })

      test('appends that are empty, duplicated or too large are refused', async () => {
        const one = write('order-1', 0).writes
        const crowd = Array.from({ length: 1_001 }, () => event('A'))
        const bad = [
          { writes: [] },
          { writes: [...one, ...one] },
          { writes: [{ stream: 'order-1' as const, expected: 0, events: [] }] },
          write('order-1', -1),
          write('order-1', 0.5),
          write('order-1', 0, event('not a name')),
          write('order-1', 0, { type: 'A', schema: 0, data: {} }),
          write('order-1', 0, ...crowd),
          write('order-1', 0, ...crowd.slice(0, 20).map(() => event('A', { text: 'x'.repeat(1_000_000) }))),
          { ...write('order-1', 0), command: command('') },
          { ...write('order-1', 0), command: command('k\0') },
        ]
        for (const append of bad) await expect(store.append(append)).rejects.toMatchObject(BAD)
        expect(await store.head()).toBe(0)
      })

      test('reads of the log past the limits are refused', async () => {
        for (const range of [
          { after: -1, limit: 1 },
          { after: 0, limit: 0 },
          { after: 0, limit: 10_001 },
          { after: 0.5, limit: 1 },
        ])
          await expect(store.readLog(range)).rejects.toMatchObject(BAD)
      })
    })
  })
}

async function readAfter(store: EventStore, after: number): Promise<readonly RecordedEvent[]> {
  return (await store.readLog({ after, limit: 100 })).events
}

async function readAll(store: EventStore): Promise<number[]> {
  return positions(await readAfter(store, 0))
}

function nested(depth: number): Json {
  let value: Json = 0
  for (let level = 0; level < depth; level++) value = [value]
  return { value }
}
