// Counts what an instance asks of its PostgreSQL: statements, transactions, commits, fsyncs and WAL.
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import { openMeterSession } from '#testbed/counts/counted-cluster.ts'

/** A moment in the server's work. */
type Mark = { readonly at: number; readonly lsn: string; readonly statements: number }

/** A statement with its constants replaced, over all databases. `ms` is the time that it took to run. */
export type StatementCount = Readonly<Record<'calls' | 'ms' | 'rows' | 'walBytes', number>>

export type WalCounts = {
  /** Transactions that changed something. */
  readonly commits: number
  /** Those of them that appended events, each of which is durable before its caller goes on. */
  readonly appends: number
  /** The bytes of the records without full-page images. */
  readonly walBytes: number
  /** Copies of pages, written at their first change after a checkpoint. */
  readonly fullPageBytes: number
}

/** Sessions report these up to ten seconds late. */
export type LateCounts = {
  /** Counts those that only read, too. */
  readonly transactions: number
  /** Counts those of the WAL only. */
  readonly fsyncs: number
}

export type DatabaseMeter = AsyncDisposable & {
  mark(): Promise<Mark>
  /** Returns what ran since the server started, by text. */
  statements(): Promise<ReadonlyMap<string, StatementCount>>
  wal(from: Mark, to: Mark): Promise<WalCounts>
  /**
   * Returns how many appends of all stores were durable when the order's confirmation was, that one included: all between
   * the marks when it is not confirmed. No more can be in line before an answer that waits for the confirmation.
   */
  appendsToConfirmation(from: Mark, to: Mark, order: string): Promise<number>
  late(): Promise<LateCounts>
  /** Resolves once all these orders are completed, and throws after `patienceMs`. */
  completed(orders: readonly string[], patienceMs: number): Promise<void>
  /** Resolves once nothing was written for a moment. */
  quiet(): Promise<void>
}

/** After this time without work, sessions have reported what they did. */
export const REPORT_MS = 10_500
const LOOK_MS = 20
const QUIET_MS = 200
const QUIET_PATIENCE_MS = 5_000

type Sessions = {
  readonly server: pg.Client
  readonly orders: pg.Client
  /** How WAL records name the files of the events of all databases. */
  readonly logs: readonly string[]
  ownTransactions: number
}

/** Opens a meter of an instance whose cluster `prepareCountedCluster` made. It leaves out its own work. */
export async function openDatabaseMeter(dataDir: string): Promise<DatabaseMeter> {
  await using open = new AsyncDisposableStack()
  const connect = async (database: string) => {
    const client = await openMeterSession(dataDir, database)
    open.defer(() => client.end())
    return client
  }
  const sessions: Sessions = {
    server: await connect('postgres'),
    orders: await connect('waybill_orders'),
    logs: await Promise.all(SUBGRAPHS.map(name => logFile(dataDir, `waybill_${name}`))),
    ownTransactions: 0,
  }
  const running = open.move()
  return {
    mark: () => mark(sessions),
    statements: () => statementCounts(sessions),
    wal: (from, to) => walCounts(sessions, from, to),
    appendsToConfirmation: (from, to, order) => appendsToConfirmation(sessions, { from, to }, order),
    late: () => lateCounts(sessions),
    completed: (ids, patienceMs) => completed(sessions, ids, patienceMs),
    quiet: () => quiet(sessions),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function mark({ server }: Sessions): Promise<Mark> {
  const [row] = await rows<{ lsn: string; statements: number }>(
    server,
    `SELECT pg_current_wal_insert_lsn()::text AS lsn, sum(calls)::float8 AS statements
       FROM pg_stat_statements(false) WHERE userid <> current_user::regrole`,
  )
  return { at: performance.now(), lsn: row?.lsn ?? '0/0', statements: row?.statements ?? 0 }
}

async function lateCounts({ server, ownTransactions }: Sessions): Promise<LateCounts> {
  const [row] = await rows<LateCounts>(
    server,
    `SELECT (SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database WHERE datname LIKE 'waybill%')::float8
              AS transactions,
            (SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal')::float8 AS fsyncs`,
  )
  return { transactions: (row?.transactions ?? 0) - ownTransactions, fsyncs: row?.fsyncs ?? 0 }
}

async function completed(sessions: Sessions, ids: readonly string[], patienceMs: number): Promise<void> {
  const late = AbortSignal.timeout(patienceMs)
  for (;;) {
    sessions.ownTransactions += 1
    const [row] = await rows<{ count: number }>(
      sessions.orders,
      `SELECT count(*)::int AS count FROM event_store.events WHERE stream = ANY($1) AND type = 'OrderCompleted'`,
      [ids.map(id => `order-${id}`)],
    )
    if (row?.count === ids.length) return
    if (late.aborted) throw new Error(`${row?.count} of ${ids.length} orders were completed in time`)
    await delay(ids.length === 1 ? LOOK_MS : LOOK_MS * 10)
  }
}

async function quiet(sessions: Sessions): Promise<void> {
  const began = performance.now()
  let last = await mark(sessions)
  for (let since = last.at; ; ) {
    await delay(LOOK_MS)
    const now = await mark(sessions)
    if (now.lsn !== last.lsn) since = now.at
    if (now.at - since > QUIET_MS || now.at - began > QUIET_PATIENCE_MS) return
    last = now
  }
}

async function rows<Row extends pg.QueryResultRow>(
  client: pg.Client,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  return (await client.query<Row>(text, values)).rows
}

/** Returns how WAL records name the file of a database's events. */
async function logFile(dataDir: string, database: string): Promise<string> {
  const client = await openMeterSession(dataDir, database)
  const [row] = await rows<{ file: string }>(
    client,
    `SELECT format('rel %s/%s/%s ', dattablespace, oid, pg_relation_filenode('event_store.events')) AS file
       FROM pg_database WHERE datname = current_database()`,
  ).finally(() => client.end())
  return row?.file ?? ''
}

/** PostgreSQL does not tell statements apart that differ only in an aliased table, so that of a view's write is left out. */
async function statementCounts({ server }: Sessions): Promise<ReadonlyMap<string, StatementCount>> {
  const found = await rows<StatementCount & { text: string }>(
    server,
    `SELECT regexp_replace(query, 'read_models\\.\\w+ AS stored', 'read_models.… AS stored') AS text, sum(calls)::float8 AS calls, sum(total_exec_time)::float8 AS ms, sum(rows)::float8 AS rows,
            sum(wal_bytes)::float8 AS "walBytes"
       FROM pg_stat_statements WHERE userid <> current_user::regrole GROUP BY 1`,
  )
  return new Map(found.map(({ text, ...count }) => [text, count]))
}

async function appendsToConfirmation(
  sessions: Sessions,
  { from, to }: { readonly from: Mark; readonly to: Mark },
  order: string,
): Promise<number> {
  const { server, orders, logs } = sessions
  sessions.ownTransactions += 1
  const [confirmation] = await rows<{ xid: string }>(
    orders,
    `SELECT xmin::text AS xid FROM event_store.events WHERE stream = $1 AND type = 'OrderConfirmed'`,
    [`order-${order}`],
  )
  await flush(server)
  const [row] = await rows<{ count: number }>(
    server,
    `WITH records AS (SELECT * FROM pg_get_wal_records_info($1, $2)),
       commits AS (SELECT xid, start_lsn FROM records WHERE resource_manager = 'Transaction' AND record_type = 'COMMIT'),
       appends AS (SELECT DISTINCT xid::text FROM records
                    WHERE resource_manager = 'Heap' AND record_type LIKE 'INSERT%' AND block_ref LIKE ANY ($3))
     SELECT count(*)::int AS count FROM commits WHERE xid::text IN (SELECT xid FROM appends)
        AND start_lsn <= coalesce((SELECT start_lsn FROM commits WHERE xid::text = $4), $2)`,
    [from.lsn, to.lsn, logs.map(file => `%${file}%`), confirmation?.xid ?? null],
  )
  return row?.count ?? 0
}

/** Soft commits may not be on disk yet, and only what is can be inspected. */
async function flush(server: pg.Client): Promise<void> {
  await server.query(`SELECT pg_logical_emit_message(false, 'meter', '', true)`)
}

async function walCounts({ server, logs }: Sessions, from: Mark, to: Mark): Promise<WalCounts> {
  if (from.lsn === to.lsn) return { commits: 0, appends: 0, walBytes: 0, fullPageBytes: 0 }
  await flush(server)
  const [row] = await rows<WalCounts>(
    server,
    `SELECT count(*) FILTER (WHERE resource_manager = 'Transaction' AND record_type = 'COMMIT')::float8 AS commits,
            count(DISTINCT xid::text) FILTER (
              WHERE resource_manager = 'Heap' AND record_type LIKE 'INSERT%' AND block_ref LIKE ANY ($3)
            )::float8 AS appends,
            sum(record_length - fpi_length)::float8 AS "walBytes", sum(fpi_length)::float8 AS "fullPageBytes"
       FROM pg_get_wal_records_info($1, $2)`,
    [from.lsn, to.lsn, logs.map(file => `%${file}%`)],
  )
  if (row === undefined) throw new Error('the server counted no WAL')
  return row
}
