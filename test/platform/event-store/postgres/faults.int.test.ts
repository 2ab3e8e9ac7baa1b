import { EventEmitter, once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import pg from 'pg'
import { describe, expect, type TestContext, test } from 'vitest'
import type { EventStore, RecordedEvent } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { startEmbeddedPostgres } from '#start/embedded-postgres.ts'
import { findServer } from '#start/postgres-server.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { type KillableProcess, startKillable } from '#test/fixtures/killable-process.ts'
import { createTcpProxy } from '#test/fixtures/tcp-proxy.ts'
import { appendMany, event, eventually, positions, upTo, write } from '#test/platform/event-store/fixtures.ts'

/** A limit for tests that hang. */
const WAIT = 60_000

type Context = Pick<TestContext, 'onTestFinished'>

async function openStore({ onTestFinished }: Context, url: string): Promise<EventStore> {
  const store = await openPostgresEventStore({ url })
  onTestFinished(() => store[Symbol.asyncDispose]())
  return store
}

async function openClient({ onTestFinished }: Context, url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

/** Ends the sessions of the database that bear the application name, and answers how many there were. */
async function cut(client: pg.Client, application: string): Promise<number> {
  const { rows } = await client.query<{ pid: number }>(
    `SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = $1 AND pid <> pg_backend_pid()`,
    [application],
  )
  return rows.length
}

/** A process that owns the consumer `views`, and prints `owner` and `handled <position>`. */
function startOwner({ onTestFinished }: Context, url: string): KillableProcess {
  const owner = startKillable(new URL('../consumer-process.ts', import.meta.url), [url, 'views'])
  onTestFinished(owner.kill)
  return owner
}

/** A server of its own, which `crash` ends without a flush; it is running again when that resolves. */
async function startServer({ onTestFinished }: Context): Promise<{ url: string; crash(): Promise<void> }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'waybill-crash-'))
  const lines = new EventEmitter()
  const postgres = await startEmbeddedPostgres({ directory, log: line => lines.emit(line) })
  onTestFinished(async () => {
    await postgres[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })
  const url = await postgres.database('store')
  return {
    url,
    async crash() {
      const server = await findServer(path.join(directory, 'cluster'))
      const isBack = once(lines, 'PostgreSQL is running again')
      process.kill(server?.pid ?? 0, 'SIGQUIT')
      await isBack
    },
  }
}

async function savedCheckpoints(client: pg.Client): Promise<number[]> {
  const { rows } = await client.query<{ checkpoint: number }>(
    'SELECT checkpoint::int FROM event_store.consumers ORDER BY name',
  )
  return rows.map(({ checkpoint }) => checkpoint)
}

/** Starts the consumer `views`, and collects the positions of what it handles. */
async function consumeViews(store: EventStore) {
  const handled: number[] = []
  const consumer = await store.consume({
    name: 'views',
    async handle(events) {
      handled.push(...positions(events))
    },
  })
  return { consumer, handled }
}

describe('leases', () => {
  test.concurrent('a living owner keeps its lease, however long one batch takes', async context => {
    const url = await freshDatabase()
    const [store, rival] = [await openStore(context, url), await openStore(context, url)]
    const gate = Promise.withResolvers<void>()
    const owner = await store.consume({ name: 'views', handle: () => gate.promise })
    const standby = await rival.consume({ name: 'views', async handle() {} })
    await appendMany(store, 'order', 3)
    expect(await standby.reached(3, 9_000)).toBe(false)
    expect([owner.status().owner, standby.status().owner]).toEqual([true, false])
    gate.resolve()
    expect(await standby.reached(3, WAIT)).toBe(true)
    expect(standby.status().owner).toBe(false)
  })

  test.concurrent('when the owner is killed, another process takes over within its lease', async context => {
    const url = await freshDatabase()
    const store = await openStore(context, url)
    const owner = startOwner(context, url)
    await owner.said('owner')
    const handled: number[] = []
    const standby = await store.consume({
      name: 'views',
      async handle(events) {
        handled.push(...positions(events))
      },
    })
    await appendMany(store, 'order', 3)
    await owner.said('handled 3')
    await standby.reached(3, WAIT)
    expect(standby.status().owner).toBe(false)
    await owner.kill()
    await appendMany(store, 'stock', 3)
    expect(await standby.reached(6, WAIT)).toBe(true)
    expect(handled.slice(-3)).toEqual([4, 5, 6])
  })

  test.concurrent('an owner whose lease passed to another stops, and its checkpoint counts for nothing', async context => {
    const url = await freshDatabase()
    const store = await openStore(context, url)
    const client = await openClient(context, url)
    const gate = Promise.withResolvers<void>()
    const entered = Promise.withResolvers<void>()
    const lost = Promise.withResolvers<void>()
    const consumer = await store.consume({
      name: 'views',
      async handle() {
        entered.resolve()
        await gate.promise
      },
      onLost: lost.resolve,
    })
    await store.append(write('order-1', 0))
    await entered.promise
    await client.query(
      `UPDATE event_store.consumers
          SET owner = gen_random_uuid(), epoch = epoch + 1, lease_until = clock_timestamp() + interval '1 hour'`,
    )
    gate.resolve()
    await lost.promise
    expect(consumer.status().owner).toBe(false)
    const { rows } = await client.query('SELECT checkpoint::int FROM event_store.consumers')
    expect(rows).toEqual([{ checkpoint: 0 }])
  })
})

describe('checkpoints', () => {
  test.concurrent('what a killed process handled and had not saved yet is handled again', async context => {
    const url = await freshDatabase()
    const owner = startOwner(context, url)
    await owner.said('owner')
    const store = await openStore(context, url)
    const client = await openClient(context, url)
    await appendMany(store, 'order', 3)
    await owner.said('handled 3')
    await owner.kill()
    const { rows } = await client.query<{ checkpoint: number }>(
      'SELECT checkpoint::int FROM event_store.consumers',
    )
    const saved = rows[0]?.checkpoint ?? Number.NaN
    await appendMany(store, 'stock', 3)
    const handled: number[] = []
    const next = await store.consume({
      name: 'views',
      async handle(events) {
        handled.push(...positions(events))
      },
    })
    expect(await next.reached(6, WAIT)).toBe(true)
    expect(handled).toEqual(upTo(6).slice(saved))
  })

  test.concurrent('what was handled after the checkpoint that a crashed server still has is handled again, by a living owner too', async context => {
    const { url, crash } = await startServer(context)
    const client = await openClient(context, url)
    // So that the server flushes no asynchronous commit by itself.
    await client.query("ALTER SYSTEM SET wal_writer_delay = '10s'")
    await client.query('SELECT pg_reload_conf()')
    const store = await openStore(context, url)
    const survived: number[] = []
    const survivor = await store.consume({
      name: 'survivor',
      async handle(events) {
        survived.push(...positions(events))
      },
    })
    const owner = startOwner(context, url)
    await owner.said('owner')
    await appendMany(store, 'order', 5)
    await owner.said('handled 5')
    expect(await survivor.reached(5, WAIT)).toBe(true)
    await eventually(async () => expect(await savedCheckpoints(client)).toEqual([5, 5]))
    await owner.kill()
    await crash()
    const after = await openClient(context, url)
    const [, saved = Number.NaN] = await savedCheckpoints(after)
    expect(saved).toBeLessThan(5)
    await eventually(() => expect(survived.length).toBeGreaterThan(5))
    const handled: number[] = []
    const next = await store.consume({
      name: 'views',
      async handle(events) {
        handled.push(...positions(events))
      },
    })
    expect(await next.reached(5, WAIT)).toBe(true)
    expect(handled).toEqual(upTo(5).slice(saved))
    expect(await survivor.reached(5, WAIT)).toBe(true)
    expect(survived.slice(5)).toEqual(upTo(5).slice(5 - survived.slice(5).length))
    await eventually(async () => expect(await savedCheckpoints(after)).toEqual([5, 5]))
  })

  test.concurrent('events that another process committed without telling anybody are found', async context => {
    const url = await freshDatabase()
    const store = await openStore(context, url)
    const client = await openClient(context, url)
    const { consumer, handled } = await consumeViews(store)
    await consumer.reached(await appendMany(store, 'order', 2), WAIT)
    const insert = `INSERT INTO event_store.events (position, version, schema, recorded_at, id, stream, type, data, meta)
                    VALUES ($1::int, $1::int, 1, now(), gen_random_uuid(), 'stock-1', 'Noted', '{}', '{}')`
    await client.query(insert, [3])
    await store.append(write('order-9', 0))
    expect(await consumer.reached(4, WAIT)).toBe(true)
    await client.query(insert, [5])
    expect(await consumer.reached(5, WAIT)).toBe(true)
    expect(handled).toEqual(upTo(5))
  })
})

describe('connections', () => {
  test.concurrent('wake-ups come back after the listening connection is cut', async context => {
    const url = await freshDatabase()
    const [store, rival] = [await openStore(context, url), await openStore(context, url)]
    const client = await openClient(context, url)
    await eventually(async () => expect(await cut(client, 'waybill-event-store-listener')).toBe(2))
    await eventually(async () => {
      const { rows } = await client.query(
        `SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database
          WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.mode = 'ShareLock'`,
      )
      expect(rows).toHaveLength(2)
    })
    const heard = new Promise<void>(resolve => rival.onAppended(resolve))
    await store.append(write('order-1', 0))
    await heard
  })

  test.concurrent('consumers and writers carry on after every connection is cut', async context => {
    const url = await freshDatabase()
    const store = await openStore(context, url)
    const client = await openClient(context, url)
    const { consumer, handled } = await consumeViews(store)
    await consumer.reached(await appendMany(store, 'order', 20), WAIT)
    expect(await cut(client, 'waybill-event-store')).toBeGreaterThan(0)
    await cut(client, 'waybill-event-store-listener')
    await eventually(() => store.append(write('stock-1', 0)).then(() => {}))
    expect(await consumer.reached(21, WAIT)).toBe(true)
    expect(new Set(handled)).toEqual(new Set(upTo(21)))
    expect(consumer.status().deadLetters).toBe(0)
  })

  test.concurrent('while the server is away callers hear UNAVAILABLE; when it is back all goes on', async context => {
    const proxy = await createTcpProxy(await freshDatabase())
    context.onTestFinished(proxy.close)
    await proxy.open()
    const store = await openStore(context, proxy.url)
    const handled: RecordedEvent[] = []
    const consumer = await store.consume({
      name: 'views',
      async handle(events) {
        handled.push(...events)
      },
    })
    await consumer.reached(await appendMany(store, 'order', 3), WAIT)
    await proxy.close()
    await expect(store.append(write('stock-1', 0))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(store.readStream('order-1')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await proxy.open()
    await eventually(() => store.append(write('stock-1', 0)).then(() => {}))
    expect(await consumer.reached(4, WAIT)).toBe(true)
    expect(new Set(positions(handled))).toEqual(new Set(upTo(4)))
    expect(consumer.status().deadLetters).toBe(0)
  })
})

describe('the database', () => {
  test('data that the database itself refuses fails its own append only', async context => {
    const url = await freshDatabase()
    const store = await openStore(context, url)
    const client = await openClient(context, url)
    await client.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no such value' USING ERRCODE = '22003'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON event_store.events
        FOR EACH ROW WHEN (NEW.type = 'Poisoned') EXECUTE FUNCTION refuse()`)
    const results = await Promise.allSettled(
      upTo(10).map(n => store.append(write(`order-${n}`, 0, event(n === 5 ? 'Poisoned' : 'A')))),
    )
    const rejected = results.filter(({ status }) => status === 'rejected')
    expect(rejected).toEqual([
      { status: 'rejected', reason: expect.objectContaining({ code: 'BAD_USER_INPUT' }) },
    ])
    expect(positions((await store.readLog({ after: 0, limit: 100 })).events)).toEqual(upTo(9))
  })

  test('while no other process uses the store, its newest events are read from memory', async context => {
    const url = await freshDatabase()
    const store = await openStore(context, url)
    const client = await openClient(context, url)
    await eventually(async () => {
      const { rows } = await client.query(
        `SELECT 1 FROM pg_stat_activity
          WHERE datname = current_database() AND query LIKE '%pg_try_advisory%' AND state = 'idle'`,
      )
      expect(rows).toHaveLength(1)
    })
    expect(await store.head()).toBe(0)
    await appendMany(store, 'order', 5)
    await client.query('BEGIN; LOCK TABLE event_store.events') // a read of the table would wait
    expect(await store.head()).toBe(5)
    expect(positions((await store.readLog({ after: 2, limit: 100 })).events)).toEqual([3, 4, 5])
    await client.query('COMMIT')
  })

  test('an operator reads which database could not be opened, without its password', async () => {
    const url = new URL(await freshDatabase())
    url.pathname = '/absent'
    const opening = openPostgresEventStore({ url: url.href })
    await expect(opening).rejects.toMatchObject({ code: 'EVENT_STORE_UNREACHABLE' })
    await expect(opening).rejects.toThrow(/\/absent: .*does not exist/)
    await opening.catch(error => expect(String(error)).not.toContain(url.password))
  })

  test('stores that open a new database at once all succeed, and one of a newer schema is refused', async context => {
    const url = await freshDatabase()
    await Promise.all(upTo(5).map(() => openStore(context, url)))
    const client = await openClient(context, url)
    await client.query('INSERT INTO event_store.migrations (version) VALUES (999)')
    await expect(openPostgresEventStore({ url })).rejects.toMatchObject({ code: 'EVENT_STORE_TOO_NEW' })
  })

  test('a store of 0.2.0 is migrated, with its events and commands', async context => {
    const url = await freshDatabase()
    const command = { id: 'c1', fingerprint: 'f', outcome: { accepted: null } }
    {
      await using store = await openPostgresEventStore({ url })
      await store.append({ ...write('order-1', 0), command })
    }
    const client = await openClient(context, url)
    await client.query(`
      ALTER TABLE event_store.events ALTER COLUMN data TYPE jsonb, ALTER COLUMN meta TYPE jsonb;
      ALTER TABLE event_store.commands ALTER COLUMN outcome TYPE jsonb;
      DROP FUNCTION event_store.append_events;
      DELETE FROM event_store.migrations WHERE version > 2`)
    const { rows } = await client.query('SELECT data, meta FROM event_store.events')

    const store = await openStore(context, url)
    const again = await store.append({ ...write('order-1', 0), command })
    expect(again).toEqual({ status: 'repeated', position: 1, fingerprint: 'f', outcome: { accepted: null } })
    expect(await store.append(write('order-1', 1))).toMatchObject({ status: 'appended', position: 2 })
    expect(await store.readStream('order-1')).toMatchObject([rows[0], { version: 2 }])
  })

  test('a store that is closed says so', async () => {
    const store = await openPostgresEventStore({ url: await freshDatabase() })
    await store[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
    await expect(store.append(write('order-1', 0))).rejects.toMatchObject({ code: 'EVENT_STORE_CLOSED' })
  })
})
