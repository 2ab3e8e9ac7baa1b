// Opens the event store's PostgreSQL sessions, one pool per purpose, and maps their errors.
import pg from 'pg'
import { CallerError, OperatorError } from '#platform/domain/errors.ts'
import type { Notifications } from '#platform/postgres/notifications.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { asUnavailable } from '#platform/resilience/outage.ts'

export type Query = <Row extends pg.QueryResultRow>(
  text: string,
  values?: readonly unknown[],
) => Promise<Row[]>

/**
 * `write` has the one session that appends: with two, each commit has half of the appends that wait, for half the
 * throughput on a slow disk and a twentieth more on a fast one. `read` has the rest that must be durable when it returns.
 * `soft` commits before it is on disk: for what may be repeated after a crash (checkpoints, leases, notifications).
 */
export type Sessions = AsyncDisposable & {
  readonly write: Query
  readonly read: Query
  readonly soft: Query
}

/** Index lookups by key whatever the statistics say: the plans are made once, perhaps when the tables are empty. */
const WRITER_SETTINGS =
  'SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan'

/** Topics: new events, and a consumer's lease or dead letters. */
export type StoreNotifications = Notifications<'events' | `consumer ${string}`>

type SessionOptions = { readonly url: string; readonly logger: StoreLogger | undefined }

/** With the listener for notifications a store has eight sessions. */
export function openSessions(options: SessionOptions): Sessions {
  const pools = {
    write: openPool(options, 1, WRITER_SETTINGS),
    read: openPool(options, 4),
    soft: openPool(options, 2, 'SET synchronous_commit = off'),
  }
  return {
    write: queryOf(pools.write),
    read: queryOf(pools.read),
    soft: queryOf(pools.soft),
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(pools).map(pool => pool.end()))
    },
  }
}

function openPool({ url, logger }: SessionOptions, max: number, settings?: string): pg.Pool {
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
  pool.on('error', err =>
    logger?.warn({ err }, 'idle event store session lost, the next query opens another'),
  )
  return pool
}

/** Each text is prepared once per session, under a name of its own. */
function queryOf(pool: pg.Pool): Query {
  const names = new Map<string, string>()
  return async <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) => {
    const name = names.get(text) ?? `waybill_${names.size}`
    names.set(text, name)
    const { rows } = await pool.query<Row>({ name, text, values: [...values] })
    return rows
  }
}

/** Returns a function for `catch`: it throws CallerError UNAVAILABLE while the database is away, else OperatorError EVENT_STORE_FAILED. */
export function throwStoreError(action: string): (cause: unknown) => never {
  return cause => {
    if (cause instanceof OperatorError) throw cause
    const error = asUnavailable('event store', cause)
    if (error instanceof CallerError) throw error
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OperatorError('EVENT_STORE_FAILED', `the event store could not ${action}: ${reason}`, cause)
  }
}

/** Returns a bigint column as a number: it arrives as text, since it might not fit. Throws POSITION_TOO_LARGE. */
export function toPosition(text: string): number {
  const position = Number(text)
  if (!Number.isSafeInteger(position))
    throw new OperatorError('POSITION_TOO_LARGE', `the position ${text} is past what a number holds exactly`)
  return position
}
