// The event store's sessions with PostgreSQL, by what they are for, and what their errors mean. Free of queries.
import pg from 'pg'
import { CallerError, OperatorError } from '#platform/domain/errors.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { isOutage } from '#platform/resilience/outage.ts'

export type Query = <Row extends pg.QueryResultRow>(
  text: string,
  values?: readonly unknown[],
) => Promise<Row[]>

/**
 * `write` has the sessions that append, and nothing else. `read` has the rest that must be durable when it returns.
 * `soft` commits before it is on disk: for what may be repeated after a crash (checkpoints, leases, wake-ups).
 */
export type Sessions = AsyncDisposable & {
  readonly url: string
  readonly write: Query
  readonly read: Query
  readonly soft: Query
}

/** The fewest sessions that a store can work with: its writer, its listener, two soft ones and one to read. */
const FEWEST = 5
const SOFT_SESSIONS = 2

/** Index lookups by key whatever the statistics say: the plans are made once, perhaps when the tables are empty. */
const WRITER_SETTINGS =
  'SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan'

export function openSessions(options: {
  url: string
  poolSize: number
  writers: number
  logger: StoreLogger | undefined
}): Sessions {
  const { url, writers } = options
  const readers = Math.max(options.poolSize, FEWEST) - writers - SOFT_SESSIONS - 1
  const pools = {
    write: openPool(options, writers, WRITER_SETTINGS),
    read: openPool(options, Math.max(readers, 1), undefined),
    soft: openPool(options, SOFT_SESSIONS, 'SET synchronous_commit = off'),
  }
  return {
    url,
    write: queryOf(pools.write),
    read: queryOf(pools.read),
    soft: queryOf(pools.soft),
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(pools).map(pool => pool.end()))
    },
  }
}

function openPool(
  { url, logger }: { url: string; logger: StoreLogger | undefined },
  max: number,
  settings: string | undefined,
): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 300_000,
    statement_timeout: 60_000,
    query_timeout: 65_000,
    application_name: 'waybill-event-store',
    ...(settings !== undefined && {
      async onConnect(client: pg.ClientBase) {
        await client.query(settings)
      },
    }),
  })
  pool.on('error', error => logger?.warn({ err: error }, 'an idle event store session was lost'))
  return pool
}

/** Texts are prepared once per session, under a name of their own. */
function queryOf(pool: pg.Pool): Query {
  const names = new Map<string, string>()
  return async <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) => {
    const name = names.get(text) ?? `waybill_${names.size}`
    names.set(text, name)
    const { rows } = await pool.query<Row>({ name, text, values: [...values] })
    return rows
  }
}

/** What a failed statement means to whoever asked: UNAVAILABLE while the database is away, else an operator's matter. */
export function toStoreError(doing: string, cause: unknown): Error {
  if (cause instanceof CallerError || cause instanceof OperatorError) return cause
  if (isOutage(cause))
    return new CallerError(
      'UNAVAILABLE',
      'The event store cannot be reached at the moment. Try again.',
      {},
      cause,
    )
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new OperatorError('EVENT_STORE_FAILED', `the event store could not ${doing}: ${reason}`, cause)
}

/** A bigint column as a number: it arrives as text, since it might not fit. */
export function toPosition(text: string): number {
  const position = Number(text)
  if (!Number.isSafeInteger(position))
    throw new OperatorError('POSITION_TOO_LARGE', `the position ${text} is past what a number holds exactly`)
  return position
}

/** Where a connection string leads, without its user and password. */
export function describeUrl(url: string): string {
  if (!URL.canParse(url)) return 'a connection string that is not a URL'
  const { host, pathname } = new URL(url)
  return `${host}${pathname}`
}
