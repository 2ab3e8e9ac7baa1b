// Opens the event store's PostgreSQL sessions, one pool per purpose, and its notifications; maps their errors.
import pg from 'pg'
import { CallerError, OperatorError } from '#platform/domain/errors.ts'
import { type Notifications, openNotifications } from '#platform/postgres/notifications.ts'
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
  readonly url: string
  readonly write: Query
  readonly read: Query
  readonly soft: Query
}

/** Topics: new events, and a consumer's lease or dead letters. */
export type StoreNotifications = Notifications<'events' | `consumer ${string}`>

/** The fewest sessions that a store can work with: its writer, its listener, two soft ones and one to read. */
const MIN_SESSIONS = 5
const SOFT_SESSIONS = 2

/** Index lookups by key whatever the statistics say: the plans are made once, perhaps when the tables are empty. */
const WRITER_SETTINGS =
  'SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan'

type SessionOptions = {
  readonly url: string
  readonly poolSize: number
  readonly logger: StoreLogger | undefined
}

export function openSessions(options: SessionOptions): Sessions {
  const { url } = options
  const pools = {
    write: openPool(options, 1, WRITER_SETTINGS),
    read: openPool(options, Math.max(options.poolSize, MIN_SESSIONS) - SOFT_SESSIONS - 2, undefined),
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

export function openStoreNotifications(
  { url, soft }: Sessions,
  logger: StoreLogger | undefined,
): StoreNotifications {
  return openNotifications({ url, channel: 'waybill_event_store', run: soft, logger })
}

function openPool({ url, logger }: SessionOptions, max: number, settings: string | undefined): pg.Pool {
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

/** Returns CallerError UNAVAILABLE while the database is away, else OperatorError EVENT_STORE_FAILED. */
export function toStoreError(action: string, cause: unknown): Error {
  if (cause instanceof OperatorError) return cause
  const error = asUnavailable('event store', cause)
  if (error instanceof CallerError) return error
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new OperatorError('EVENT_STORE_FAILED', `the event store could not ${action}: ${reason}`, cause)
}

/** Returns a bigint column as a number: it arrives as text, since it might not fit. Throws POSITION_TOO_LARGE. */
export function toPosition(text: string): number {
  const position = Number(text)
  if (!Number.isSafeInteger(position))
    throw new OperatorError('POSITION_TOO_LARGE', `the position ${text} is past what a number holds exactly`)
  return position
}
