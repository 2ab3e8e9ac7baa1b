import { expect, test } from 'vitest'
import { trimCommands } from '#platform/event-store/postgres/command-retention.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { openSessions } from '#platform/event-store/postgres/sessions.ts'
import { freshDatabase, queryDatabase } from '#test/fixtures/databases.ts'
import { command, upTo, write } from '#test/platform/event-store/fixtures.ts'

const DAY_MS = 86_400_000
const TODAY = new Date('2026-06-30T00:00:00.000Z')

test('commands older than the retention are deleted a few blocks at a time, and their ids can be used anew', async context => {
  const url = await freshDatabase()
  let now = new Date(TODAY.getTime() - 31 * DAY_MS)
  const store = await openPostgresEventStore({ url, now: () => now })
  context.onTestFinished(() => store[Symbol.asyncDispose]())
  const sessions = openSessions({ url, logger: undefined })
  context.onTestFinished(() => sessions[Symbol.asyncDispose]())
  await store.append({ ...write('order-1', 0), command: command('old') })
  const filler = { text: 'x'.repeat(4_000) }
  await Promise.all(
    upTo(600).map(n => store.append({ writes: [], command: { ...command(`c${n}`), outcome: filler } })),
  )
  now = TODAY
  await store.append({ writes: [], command: command('new') })

  const options = { sessions, retentionMs: 30 * DAY_MS, now: () => now, logger: undefined }
  const first = await trimCommands(options, 0)
  expect(first.trimmed).toBeGreaterThan(0)
  let trimmed = first.trimmed
  for (let block = 128; block < first.blocks; block += 128)
    trimmed += (await trimCommands(options, block)).trimmed
  expect(trimmed).toBe(601)
  expect(await store.findCommand('new')).toMatchObject({ outcome: { told: 'new' } })
  expect(await store.append({ ...write('order-1', 1), command: command('old') })).toMatchObject({
    status: 'appended',
  })
})

test('trimming reads the blocks that it is given, and no others', async () => {
  const url = await freshDatabase()
  await (await openPostgresEventStore({ url }))[Symbol.asyncDispose]()
  await queryDatabase(
    url,
    "INSERT INTO event_store.commands SELECT 'c' || n, 'f', '{}', n, now() FROM generate_series(1, 50000) n",
  )
  await queryDatabase(url, 'ANALYZE event_store.commands')
  const plan = await queryDatabase<Record<string, string>>(
    url,
    "EXPLAIN DELETE FROM event_store.commands WHERE ctid >= '(0,0)'::tid AND ctid < '(128,0)'::tid AND recorded_at < now()",
  )
  expect(JSON.stringify(plan)).toContain('Tid Range Scan')
})
