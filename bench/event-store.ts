// Benchmarks appends against a bare INSERT and Emmett on one durable PostgreSQL, and how fast consumers follow.
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql'
import pg from 'pg'
import {
  atLeast,
  type Bench,
  inRounds,
  measureLoad,
  medianRatio,
  printTable,
  quantile,
  rounded,
  summary,
  versionOf,
} from '#bench/harness/benchmark.ts'
import type { EventStore } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { startEmbeddedPostgres } from '#start/embedded-postgres.ts'

const CALLERS = [1, 16, 64]
const POOL_SIZE = 8

const TYPE = 'OrderPlaced'
const DATA = {
  customer: 'cus_0190a5b2-7c1e-7d3a-9f10-6f2d0c3b4a59',
  lines: [
    { sku: 'TEA-001', quantity: 2, price: { minor: 1250, currency: 'EUR' } },
    { sku: 'CUP-014', quantity: 4, price: { minor: 899, currency: 'EUR' } },
  ],
  shipTo: { city: 'Utrecht', country: 'NL', postcode: '3511' },
  placedAt: '2026-01-15T09:30:00.000Z',
}
const META = { actor: 'customer:cus_0190a5b2', correlationId: '0190a5b2-7c1e-7d3a-9f10-6f2d0c3b4a59' }

/** Writes one event to a new stream and waits until it is durable. */
type Contender = AsyncDisposable & { readonly append: () => Promise<unknown> }
type Database = (name: string) => Promise<string>

export const bench: Bench = async ({ quick }) => {
  await using open = new AsyncDisposableStack()
  const { path: directory } = open.use(await mkdtempDisposable(path.join(tmpdir(), 'waybill-bench-')))
  const postgres = open.use(await startEmbeddedPostgres({ directory, log: () => {} }))
  const store = open.use(await openPostgresEventStore({ url: await postgres.database('waybill') }))
  const waybill = appendsOf(store)
  const insert = open.use(await openInsert(postgres.database))
  const emmett = open.use(await openEmmett(postgres.database))

  const [rounds, ms] = quick ? [10, 400] : [40, 500]
  const turn = (callers: number, append: () => Promise<unknown>) => () => measureLoad(callers, ms, append)
  const figures: Record<string, unknown> = {}
  const ratios = new Map<number, { insert: number; emmett: number }>()
  const rows: (string | number)[][] = []
  for (const { append } of [waybill, insert, emmett]) await measureLoad(8, 1_000, append)
  for (const callers of CALLERS) {
    const results = await inRounds(rounds, {
      waybill: turn(callers, waybill.append),
      insert: turn(callers, insert.append),
      emmett: turn(callers, emmett.append),
    })
    const toInsert = medianRatio(results, 'waybill', 'insert')
    const toEmmett = medianRatio(results, 'waybill', 'emmett')
    ratios.set(callers, { insert: toInsert, emmett: toEmmett })
    const of = {
      waybill: summary(results, 'waybill'),
      insert: summary(results, 'insert'),
      emmett: summary(results, 'emmett'),
    }
    figures[`${callers} callers`] = { ...of, toInsert: rounded(toInsert), toEmmett: rounded(toEmmett) }
    for (const [name, load] of Object.entries(of))
      rows.push([`${callers} callers, ${name}`, ...Object.values(load)])
  }
  printTable(['appends, durable', 'per second', 'p50 ms', 'p99 ms'], rows)
  figures.consumer = await followFigures(store, waybill)

  return {
    versions: await versions(insert.version),
    figures,
    goals: [16, 64].flatMap(callers => [
      atLeast(
        `${callers} callers: appends to a bare INSERT's`,
        ratios.get(callers)?.insert ?? 0,
        'times',
        1.5,
      ),
      atLeast(`${callers} callers: appends to Emmett's`, ratios.get(callers)?.emmett ?? 0, 'times', 4),
    ]),
  }
}

function appendsOf(store: EventStore): { append: () => Promise<unknown> } {
  let count = 0
  return {
    async append() {
      count += 1
      const result = await store.append({
        writes: [{ stream: `order-${count}`, expected: 0, events: [{ type: TYPE, data: DATA }] }],
        meta: META,
      })
      if (result.status !== 'appended') throw new Error(`the append ended as ${result.status}`)
    },
  }
}

/** Inserts one row per prepared statement and transaction: the least that a durable write costs. */
async function openInsert(database: Database): Promise<Contender & { version: string }> {
  const pool = new pg.Pool({ connectionString: await database('bare'), max: POOL_SIZE })
  await pool.query(`CREATE TABLE events (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text NOT NULL, version int NOT NULL, type text NOT NULL, data jsonb NOT NULL, meta jsonb NOT NULL)`)
  const { rows } = await pool.query<{ version: string }>(
    "SELECT current_setting('server_version') AS version",
  )
  let count = 0
  return {
    version: rows[0]?.version ?? 'unknown',
    append() {
      count += 1
      return pool.query({
        name: 'insert',
        text: 'INSERT INTO events (stream, version, type, data, meta) VALUES ($1, $2, $3, $4, $5)',
        values: [`order-${count}`, 1, TYPE, JSON.stringify(DATA), JSON.stringify(META)],
      })
    },
    [Symbol.asyncDispose]: () => pool.end(),
  }
}

async function openEmmett(database: Database): Promise<Contender> {
  const url = await database('emmett')
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE })
  const store = getPostgreSQLEventStore(url, { connectionOptions: { pool } })
  await store.schema.migrate()
  let count = 0
  return {
    append() {
      count += 1
      return store.appendToStream(`order-${count}`, [{ type: TYPE, data: DATA, metadata: META }], {
        expectedStreamVersion: 'STREAM_DOES_NOT_EXIST',
      })
    },
    async [Symbol.asyncDispose]() {
      await store.close()
      if (!pool.ended) await pool.end()
    },
  }
}

/** Measures how fast a consumer reads a backlog, and how soon it gets an event that is appended while all is quiet. */
async function followFigures(
  store: EventStore,
  { append }: { append: () => Promise<unknown> },
): Promise<Record<string, number>> {
  const start = performance.now()
  await using consumer = await store.consume({ name: 'bench', async handle() {} })
  const head = await store.head()
  await consumer.reached(head, 60_000)
  const perSecond = head / ((performance.now() - start) / 1000)

  const delays: number[] = []
  for (let count = 1; count <= 200; count++) {
    await append()
    const appended = performance.now()
    await consumer.reached(head + count, 5_000)
    delays.push(performance.now() - appended)
  }
  const figures = {
    perSecond: rounded(perSecond),
    delayP50: rounded(quantile(delays, 0.5)),
    delayP99: rounded(quantile(delays, 0.99)),
  }
  console.log()
  printTable(
    ['a consumer', ''],
    [
      ['events per second when catching up', figures.perSecond],
      ['ms from append to handled, p50', figures.delayP50],
      ['ms from append to handled, p99', figures.delayP99],
    ],
  )
  return figures
}

async function versions(postgresql: string): Promise<Record<string, string>> {
  const names = ['pg', '@event-driven-io/emmett-postgresql']
  const entries = await Promise.all(names.map(async name => [name, await versionOf(name)]))
  return { postgresql, ...Object.fromEntries(entries) }
}
