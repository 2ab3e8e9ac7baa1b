import { beforeAll, expect, test } from 'vitest'
import { openPostgresEventBus } from '#platform/event-bus/postgres/event-bus.ts'
import { createPublisher, type Publication } from '#platform/event-bus/postgres/publish.ts'
import { openPool, type Pool, withSession } from '#platform/postgres/pool.ts'
import { freshDatabase, queryDatabase } from '#test/fixtures/databases.ts'
import { events, range } from '#test/platform/event-bus/messages.ts'

let url: string
beforeAll(async () => {
  url = await freshDatabase()
  await using _bus = await openPostgresEventBus({ url })
})

/** Opens a publisher whose statements are noted. `payloadOf` says that nobody else listens when left out. */
function publishing(payloadOf: (topic: string) => string | undefined = () => undefined) {
  const statements: string[] = []
  const published: Publication[] = []
  const pools = new AsyncDisposableStack()
  const noted = (kind: 'durable' | 'soft'): Pool => {
    const pool = pools.use(openPool({ url, purpose: 'test', max: 1, soft: kind === 'soft' }))
    return {
      ...pool,
      query(sql) {
        statements.push(kind)
        return pool.query(sql)
      },
    }
  }
  const publish = createPublisher({
    durable: noted('durable'),
    soft: noted('soft'),
    payloadOf,
    onPublished: publication => published.push(publication),
  })
  return { publish, statements, published, [Symbol.asyncDispose]: () => pools.disposeAsync() }
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

test('a statement is durable when one of its publishers needs that', async () => {
  await using publisher = publishing()
  const { publish, statements } = publisher
  await Promise.all([publish('soft', events(1, 1), { after: 0 }), publish('hard', events(1, 1))])
  await publish('soft', events(2, 2), { after: 1 })
  expect(statements).toEqual(['durable', 'soft'])
})

test('other processes are told by a soft statement itself, and apart from one that waits for the disk', async () => {
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
    await expect.poll(() => heard.toSorted()).toEqual(['news of told', 'news of told too'])
  })
  expect(published.map(({ isAnnounced }) => isAnnounced)).toEqual([true, true, false])
})

test('nothing is published in a topic that has lost a message before', async () => {
  await using publisher = publishing()
  const { publish, published } = publisher
  expect(await publish('lost', events(1, 3), { after: 0 })).toBe(true)
  await queryDatabase(
    url,
    `WITH gone AS (DELETE FROM event_bus.messages WHERE topic = 'lost' AND position = 3)
     UPDATE event_bus.topics SET end_position = 2 WHERE topic = 'lost'`,
  )
  const outcomes = await Promise.all([
    publish('lost', events(4, 4), { after: 3 }),
    publish('whole', events(1, 1), { after: 0 }),
    publish('never made', events(9, 9), { after: 8 }),
  ])
  expect(outcomes).toEqual([false, true, false])
  expect(published.map(({ topic }) => topic)).toEqual(['lost', 'whole'])
  expect(await publish('lost', events(3, 4), { after: 2 })).toBe(true)
  await using bus = await openPostgresEventBus({ url })
  expect((await bus.read('lost', 0, 10)).map(({ position }) => position)).toEqual([1, 2, 3, 4])
})

test('messages that were deleted are not published again', async () => {
  const bus = await openPostgresEventBus({ url, retentionMs: 0, trimEveryMs: 10 })
  const stored = () =>
    queryDatabase(
      url,
      "SELECT position::int FROM event_bus.messages WHERE topic = 'emptied' ORDER BY position",
    )
  await bus.publish('emptied', events(1, 5))
  await expect.poll(stored).toEqual([])
  await bus[Symbol.asyncDispose]()
  await using publisher = publishing()
  await publisher.publish('emptied', events(4, 6))
  expect(await stored()).toEqual([{ position: 6 }])
  expect(publisher.published.map(({ previousEnd }) => previousEnd)).toEqual([5])
})
