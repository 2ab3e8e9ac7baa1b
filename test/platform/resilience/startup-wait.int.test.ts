import { expect, test } from 'vitest'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { openWhenAvailable } from '#platform/resilience/startup-wait.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { createTcpProxy } from '#test/fixtures/tcp-proxy.ts'
import { recordingLogger } from '#test/platform/telemetry/recording-logger.ts'

test('the start waits for a PostgreSQL that is not up yet, and the log says so', async () => {
  await using door = await createTcpProxy(await freshDatabase())
  const { logger, lines } = recordingLogger()
  const opening = openWhenAvailable({ variable: 'DATABASE_URL', url: door.url, logger }, () =>
    openPostgresEventStore({ url: door.url }),
  )
  await expect.poll(() => lines.join()).toContain('waiting for PostgreSQL (DATABASE_URL), 60 s at most')
  await door.open()
  await using store = await opening
  expect(await store.head()).toBe(0)
})

test('the start fails with the variable, the engine and the time, without the password, when the server never comes up', async () => {
  await using door = await createTcpProxy(await freshDatabase())
  const { logger } = recordingLogger()
  const error: unknown = await openWhenAvailable(
    { variable: 'DATABASE_URL', url: door.url, logger, startTimeoutMs: 200 },
    () => openPostgresEventStore({ url: door.url }),
  ).catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code: 'EVENT_STORE_UNREACHABLE' })
  expect(String(error)).toMatch(/PostgreSQL \(DATABASE_URL\): .*ECONNREFUSED.*; waited for 0.2 s/)
  expect(String(error)).not.toContain(new URL(door.url).password)
})

test('the start does not wait after a refused password or for a database that does not exist', async () => {
  const url = new URL(await freshDatabase())
  const { logger, lines } = recordingLogger()
  for (const [changed, said] of [
    [{ password: 'guessed-word' }, /PostgreSQL \(DATABASE_URL\): .*password authentication failed/],
    [{ pathname: '/absent' }, /PostgreSQL \(DATABASE_URL\): .*"absent" does not exist/],
  ] as const) {
    const { href } = Object.assign(new URL(url), changed)
    const error: unknown = await openWhenAvailable({ variable: 'DATABASE_URL', url: href, logger }, () =>
      openPostgresEventStore({ url: href }),
    ).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'EVENT_STORE_UNREACHABLE' })
    expect(String(error)).toMatch(said)
    expect(String(error)).not.toContain('guessed-word')
  }
  expect(lines).toEqual([])
})
