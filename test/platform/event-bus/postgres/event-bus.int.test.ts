import { beforeAll, expect, test } from 'vitest'
import { openEventBus } from '#platform/event-bus/open.ts'
import { openPostgresEventBus } from '#platform/event-bus/postgres/event-bus.ts'
import { freshDatabase, queryDatabase } from '#test/fixtures/databases.ts'
import { startKillable } from '#test/fixtures/killable-process.ts'
import { eventBusContract } from '#test/platform/event-bus/event-bus.contract.ts'
import { events, inbox, range } from '#test/platform/event-bus/messages.ts'

let url: string
beforeAll(async () => {
  url = await freshDatabase()
})

eventBusContract('PostgreSQL', () => openPostgresEventBus({ url }))

function sql<Row extends object>(text: string): Promise<Row[]> {
  return queryDatabase<Row>(url, text)
}

test('old messages are deleted, and a read of them is refused with the oldest position that is kept', async () => {
  await using bus = await openPostgresEventBus({ url, retentionMs: 60_000, trimEveryMs: 20 })
  const tailing = inbox()
  await using _tail = await bus.tail(['aged'], tailing.deliver)
  for (const [first, last] of [
    [1, 10],
    [11, 30],
    [31, 40],
  ] as const)
    await bus.publish('aged', events(first, last))
  await tailing.received(40)
  await sql(`UPDATE event_bus.batches SET published_at = now() - interval '2 minutes'
              WHERE topic = 'aged' AND last <= 30`)
  await expect
    .poll(() => sql<{ last: string }>(`SELECT last FROM event_bus.batches WHERE topic = 'aged'`))
    .toEqual([{ last: '40' }])
  const refusal = { code: 'BAD_USER_INPUT', details: { oldest: 30 } }
  await expect(bus.read('aged', 29, 5)).rejects.toMatchObject(refusal)
  await expect(bus.tail(['aged'], tailing.deliver, { aged: 0 })).rejects.toMatchObject(refusal)
  expect((await bus.read('aged', 30, 100)).map(message => message.position)).toEqual(range(31, 40))
  expect(await bus.end('aged')).toBe(40)
  const fresh = inbox()
  await using _group = await bus.subscribe('late', ['aged'], fresh.deliver)
  expect(await fresh.received(10)).toEqual(range(31, 40))
})

test('messages that an active group has yet to get are kept past the retention time', async () => {
  await using bus = await openPostgresEventBus({ url, retentionMs: 60_000, trimEveryMs: 20 })
  const gate = Promise.withResolvers<void>()
  const box = inbox()
  await using _group = await bus.subscribe('stuck', ['kept'], async batch => {
    await gate.promise
    await box.deliver(batch)
  })
  await bus.publish('kept', events(1, 10))
  await sql(`UPDATE event_bus.batches SET published_at = now() - interval '2 minutes' WHERE topic = 'kept'`)
  await bus.publish('other', events(1, 10))
  await sql(`UPDATE event_bus.batches SET published_at = now() - interval '2 minutes' WHERE topic = 'other'`)
  await expect
    .poll(() => sql<{ count: string }>(`SELECT count(*) FROM event_bus.batches WHERE topic = 'other'`))
    .toEqual([{ count: '0' }])
  expect((await bus.read('kept', 0, 100)).map(message => message.position)).toEqual(range(1, 10))
  gate.resolve()
  expect(await box.received(10)).toEqual(range(1, 10))
})

test('sessions that are cut are reopened, and no message is lost', async () => {
  await using bus = await openEventBus(url)
  const [tailed, grouped] = [inbox(), inbox()]
  await using _tail = await bus.tail(['cut'], tailed.deliver)
  await using _group = await bus.subscribe('cut', ['cut'], grouped.deliver)
  for (let round = 0; round < 3; round++) {
    await sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()`)
    for (;;) {
      const done = await bus.publish('cut', events(round * 10 + 1, round * 10 + 10)).then(
        () => true,
        () => false,
      )
      if (done) break
    }
  }
  expect(await tailed.received(30)).toEqual(range(1, 30))
  await grouped.received(30)
  expect([...new Set(grouped.positions)]).toEqual(range(1, 30))
})

test('another process takes over from a killed one, and no message is lost', async () => {
  const script = new URL('../subscriber.ts', import.meta.url)
  await using subscriber = startKillable(script, [url, 'heir', 'killed'])
  await using bus = await openEventBus(url)
  await bus.publish('killed', events(1, 5))
  await subscriber.said('1 2 3 4 5')
  const box = inbox()
  await using _heir = await bus.subscribe('heir', ['killed'], box.deliver)
  await subscriber.kill()
  await bus.publish('killed', events(6, 10))
  await box.received(5)
  expect(box.positions.filter(position => position > 5)).toEqual(range(6, 10))
})

test('a process has one bus per URL, which lasts until its last user closes it', async () => {
  const own = await freshDatabase()
  const listeners = () =>
    queryDatabase<{ count: number }>(
      own,
      "SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%listener'",
    )
  const [first, second] = await Promise.all([openEventBus(own), openEventBus(own)])
  const [ended, going] = [inbox(), inbox()]
  await first.tail(['shared'], ended.deliver)
  await second.tail(['shared'], going.deliver)
  await first.publish('shared', events(1, 2))
  await Promise.all([ended.received(2), going.received(2)])
  await expect.poll(listeners).toEqual([{ count: 1 }])
  await first[Symbol.asyncDispose]()
  await first[Symbol.asyncDispose]()
  await second.publish('shared', events(3, 4))
  expect(await going.received(4)).toEqual([1, 2, 3, 4])
  expect(ended.positions).toEqual([1, 2])
  await second[Symbol.asyncDispose]()
  await expect.poll(listeners).toEqual([{ count: 0 }])
  await using again = await openEventBus(own)
  expect(await again.end('shared')).toBe(4)
})

test('a PostgreSQL that does not answer is an operator error without the password', async () => {
  const error: unknown = await openEventBus('postgres://user:secret@127.0.0.1:1/db').catch(
    (caught: unknown) => caught,
  )
  expect(error).toMatchObject({ code: 'EVENT_BUS_UNREACHABLE' })
  expect(String(error)).not.toContain('secret')
  await expect(openEventBus('amqp://x')).rejects.toMatchObject({ code: 'EVENT_BUS_URL_UNKNOWN' })
})
