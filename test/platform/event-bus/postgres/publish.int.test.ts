import type { QueryResultRow } from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { openPostgresEventBus } from '#platform/event-bus/postgres/event-bus.ts'
import { createPublisher, type Publication, readTold } from '#platform/event-bus/postgres/publish.ts'
import { openPool, type Pool, type Sql, withSession } from '#platform/postgres/pool.ts'
import { freshDatabase, queryDatabase } from '#test/fixtures/databases.ts'
import { events, range } from '#test/platform/event-bus/messages.ts'

let url: string
beforeAll(async () => {
  url = await freshDatabase()
  await using _bus = await openPostgresEventBus({ url })
})

/** Sessions wait for the disk, as they do unless a server of tests says otherwise. */
const WAITS = encodeURIComponent('-c synchronous_commit=on')

/**
 * Opens a publisher whose statements are noted, and where the server's write-ahead log ended after each. `payloadOf` says
 * that nobody else listens when left out.
 */
function publishing(payloadOf: (topic: string) => string | undefined = () => undefined) {
  const statements: string[] = []
  const logEnds: string[] = []
  const published: Publication[] = []
  const pools = new AsyncDisposableStack()
  const noted = (kind: 'durable' | 'soft'): Pool => {
    const pool = pools.use(
      openPool({ url: `${url}?options=${WAITS}`, purpose: 'test', max: 1, soft: kind === 'soft' }),
    )
    return {
      ...pool,
      async query<Row extends QueryResultRow>(sql: Sql) {
        statements.push(kind)
        const rows = await pool.query<Row>(sql)
        const [log] = await pool.query<{ end: string }>({ text: 'SELECT pg_current_wal_insert_lsn() AS end' })
        logEnds.push(log?.end ?? '')
        return rows
      },
    }
  }
  const publish = createPublisher({
    durable: noted('durable'),
    soft: noted('soft'),
    payloadOf,
    onPublished: publication => published.push(publication),
  })
  return { publish, statements, logEnds, published, [Symbol.asyncDispose]: () => pools.disposeAsync() }
}

test('what is published together is one statement, which tells where each topic ended before', async () => {
  await using publisher = publishing()
  const { publish, statements, published } = publisher
  await Promise.all([
    publish('orders', events(1, 3), { after: 0 }),
    publish('payment', events(1, 2), { after: 0 }),
  ])
  await Promise.all([
    publish('payment', events(2, 5), { after: 2 }),
    publish('orders', events(4, 4), { after: 3 }),
  ])
  expect(statements).toEqual(['soft', 'soft'])
  expect(published.map(({ topic, previousEnd }) => [topic, previousEnd])).toEqual([
    ['orders', 0],
    ['payment', 0],
    ['payment', 2],
    ['orders', 3],
  ])
  await using bus = await openPostgresEventBus({ url })
  for (const [topic, end] of [
    ['orders', 4],
    ['payment', 5],
  ] as const) {
    expect(await bus.end(topic)).toBe(end)
    expect((await bus.read(topic, 0, 100)).map(({ position }) => position)).toEqual(range(1, end))
  }
})

test('the disk is waited for after the statement when one of its publishers needs that', async () => {
  await using publisher = publishing()
  const { publish, statements } = publisher
  await Promise.all([publish('soft', events(1, 1), { after: 0 }), publish('hard', events(1, 1))])
  await publish('soft', events(2, 2), { after: 1 })
  expect(statements).toEqual(['soft', 'durable', 'soft'])
})

test('a publication that is not soft is on the disk when it resolves', async () => {
  await using publisher = publishing()
  await publisher.publish('kept', events(1, 1))
  const [published] = publisher.logEnds
  const [log] = await queryDatabase<{ flushed: boolean }>(
    url,
    `SELECT pg_current_wal_flush_lsn() >= '${published}' AS flushed`,
  )
  expect(log?.flushed).toBe(true)
})

test('other processes are told by the statement itself, with messages that are few', async () => {
  await using publisher = publishing(topic => `news of ${topic}`)
  const { publish, published } = publisher
  await withSession(url, async session => {
    const heard: (string | undefined)[] = []
    session.on('notification', ({ payload }) => heard.push(payload))
    await session.query('LISTEN waybill_event_bus')
    await Promise.all([
      publish('told', events(1, 2), { after: 0 }),
      publish('told too', events(1, 1), { after: 0 }),
    ])
    await publish('told', events(3, 3))
    await publish('told', events(4, 99))
    await expect.poll(() => heard.length).toBe(4)
    const told = heard.map((payload = '') => {
      const [news, content] = payload.split('\n', 2)
      const { previousEnd, messages } = content === undefined ? {} : readTold(content)
      return [news, previousEnd, messages?.map(({ position }) => position)]
    })
    expect(told.toSorted()).toEqual(
      [
        ['news of told', undefined, undefined],
        ['news of told', 0, [1, 2]],
        ['news of told', 2, [3]],
        ['news of told too', 0, [1]],
      ].toSorted(),
    )
  })
  expect(published.every(({ isAnnounced }) => isAnnounced)).toBe(true)
})

test('nothing is published in a topic that has lost a message before', async () => {
  await using publisher = publishing()
  const { publish, published } = publisher
  expect(await publish('lost', events(1, 2), { after: 0 })).toBe(true)
  expect(await publish('lost', events(3, 3), { after: 2 })).toBe(true)
  await queryDatabase(
    url,
    `WITH gone AS (DELETE FROM event_bus.batches WHERE topic = 'lost' AND last = 3)
     UPDATE event_bus.topics SET end_position = 2 WHERE topic = 'lost'`,
  )
  const outcomes = await Promise.all([
    publish('lost', events(4, 4), { after: 3 }),
    publish('whole', events(1, 1), { after: 0 }),
    publish('never made', events(9, 9), { after: 8 }),
  ])
  expect(outcomes).toEqual([false, true, false])
  expect(published.map(({ topic }) => topic)).toEqual(['lost', 'lost', 'whole'])
  expect(await publish('lost', events(3, 4), { after: 2 })).toBe(true)
  await using bus = await openPostgresEventBus({ url })
  expect((await bus.read('lost', 0, 10)).map(({ position }) => position)).toEqual([1, 2, 3, 4])
})

test('messages that were deleted are not published again', async () => {
  const bus = await openPostgresEventBus({ url, retentionMs: 0, trimEveryMs: 10 })
  const stored = () => queryDatabase(url, "SELECT last::int FROM event_bus.batches WHERE topic = 'emptied'")
  await bus.publish('emptied', events(1, 5))
  await expect.poll(stored).toEqual([])
  await bus[Symbol.asyncDispose]()
  await using publisher = publishing()
  await publisher.publish('emptied', events(4, 5))
  expect(await stored()).toEqual([])
  await publisher.publish('emptied', events(4, 6))
  expect(publisher.published.map(({ previousEnd }) => previousEnd)).toEqual([5, 5])
  await using again = await openPostgresEventBus({ url })
  expect((await again.read('emptied', 5, 10)).map(({ position }) => position)).toEqual([6])
  await expect(again.read('emptied', 3, 10)).rejects.toMatchObject({ details: { oldest: 5 } })
})

test('a message that two batches have is read once, and a limit may end within a batch', async () => {
  await using publisher = publishing()
  await publisher.publish('twice', events(1, 3))
  await publisher.publish('twice', events(2, 5))
  await using bus = await openPostgresEventBus({ url })
  const read = async (after: number, limit: number) =>
    (await bus.read('twice', after, limit)).map(({ position }) => position)
  expect(await read(0, 10)).toEqual([1, 2, 3, 4, 5])
  expect(await read(1, 1)).toEqual([2])
  expect(await read(2, 2)).toEqual([3, 4])
  expect(await read(5, 10)).toEqual([])
})

test('a read goes on over any number of batches', async () => {
  await using publisher = publishing()
  for (let position = 1; position <= 205; position++)
    await publisher.publish('many', events(position, position))
  await using bus = await openPostgresEventBus({ url })
  expect((await bus.read('many', 2, 1_000)).map(({ position }) => position)).toEqual(range(3, 205))
  expect(await bus.read('many', 0, 150)).toHaveLength(150)
})

test('the messages of an earlier build are taken over', async () => {
  const earlier = await freshDatabase()
  await (await openPostgresEventBus({ url: earlier }))[Symbol.asyncDispose]()
  await queryDatabase(
    earlier,
    `CREATE TABLE event_bus.messages (topic text, position bigint, event_id text, stream text, version int, type text,
       at text, data json, meta json, published_at timestamptz DEFAULT now());
     INSERT INTO event_bus.topics (topic, end_position, trimmed_to) VALUES ('old', 250, 1);
     INSERT INTO event_bus.messages
     SELECT 'old', n, 'event-' || n, 'order-1', n, 'Noted', '2026-01-01T00:00:00.000Z',
            json_build_object('text', 'é "' || n), '{"requestId":"r"}'
       FROM generate_series(2, 250) n`,
  )
  await using bus = await openPostgresEventBus({ url: earlier })
  const read = await bus.read('old', 1, 1_000)
  expect(read.map(({ position }) => position)).toEqual(range(2, 250))
  expect(read[0]).toEqual({
    topic: 'old',
    position: 2,
    eventId: 'event-2',
    stream: 'order-1',
    version: 2,
    type: 'Noted',
    at: '2026-01-01T00:00:00.000Z',
    data: { text: 'é "2' },
    meta: { requestId: 'r' },
  })
  await bus.publish('old', events(250, 251))
  expect((await bus.read('old', 249, 10)).map(({ position }) => position)).toEqual([250, 251])
})
