// Opens pools and single sessions of PostgreSQL, runs transactions, and maps errors and values.
import pg from 'pg'
import type { Logger } from 'pino'
import { OperatorError } from '#platform/domain/errors.ts'
import { asUnavailable } from '#platform/resilience/outage.ts'

/** The part of a logger that stores, buses and projections use. */
export type StoreLogger = Pick<Logger, 'info' | 'warn' | 'error'>

type PoolOptions = {
  readonly url: string
  /** Error texts name this purpose of the sessions, such as `event bus`. */
  readonly purpose: string
  readonly max: number
  readonly logger?: StoreLogger | undefined
  /** `soft` commits before it is on disk: for what may be repeated after a crash (checkpoints, leases, notifications). */
  readonly soft?: boolean
  /**
   * Plans always use indexes, and each session makes that of a named statement once. For tables that grow from nothing
   * within minutes: a plan that was cached while they were small would read all of them each time.
   */
  readonly byIndex?: boolean
}

export type Sql = {
  readonly text: string
  readonly values?: readonly unknown[]
  /** Names a text that is the same each time, so that it is parsed and planned once per session. */
  readonly name?: string
}

export type Pool = AsyncDisposable & {
  readonly url: string
  /** Throws CallerError UNAVAILABLE while the database is away, else the statement's own error. */
  query<Row extends pg.QueryResultRow>(sql: Sql): Promise<Row[]>
}

const BY_INDEX =
  'SET enable_seqscan = off; SET enable_hashjoin = off; SET plan_cache_mode = force_generic_plan'
const CONNECT_TIMEOUT_MS = 10_000
const STATEMENT_TIMEOUT_MS = 60_000

export function openPool(options: PoolOptions): Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    min: 1, // a task that runs seldom need not open a session each time
    max: options.max,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS + 5_000,
    application_name: `waybill ${options.purpose}`,
    onConnect: async client => {
      if (options.soft) await client.query('SET synchronous_commit = off')
      if (options.byIndex) await client.query(BY_INDEX)
    },
  })
  pool.on('error', err =>
    options.logger?.warn({ err }, `idle ${options.purpose} session lost, the next query opens another`),
  )
  return {
    url: options.url,
    async query<Row extends pg.QueryResultRow>({ text, values = [], name }: Sql) {
      try {
        const { rows } = await pool.query<Row>({ text, values: [...values], ...(name && { name }) })
        return rows
      } catch (cause) {
        throw asUnavailable(options.purpose, cause)
      }
    },
    async [Symbol.asyncDispose]() {
      await pool.end()
    },
  }
}

/** Runs `work` in one transaction of a session of its own, without a statement timeout: for changes of a schema. */
export async function inTransaction<T>(url: string, work: (session: pg.Client) => Promise<T>): Promise<T> {
  return withSession(url, async session => {
    await session.query('BEGIN')
    const result = await work(session)
    await session.query('COMMIT')
    return result
  })
}

/** Runs `work` with a session that is closed after it, so that no failed transaction or lock is left. */
export async function withSession<T>(
  url: string,
  work: (session: pg.Client) => Promise<T>,
  applicationName?: string,
): Promise<T> {
  const session = await openSession(url, applicationName)
  try {
    return await work(session)
  } finally {
    await session.end().catch(() => {}) // a lost session has nothing left to end
  }
}

export async function openSession(
  url: string,
  applicationName?: string,
  limits: Pick<pg.ClientConfig, 'statement_timeout' | 'query_timeout'> = {},
): Promise<pg.Client> {
  const session = new pg.Client({
    ...limits,
    connectionString: url,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    ...(applicationName && { application_name: applicationName }),
  })
  session.on('error', () => {}) // a lost session fails the statement that is waiting for it
  await session.connect()
  return session
}

/** Returns OperatorError `code` that names the host and database of `url`, without its user and password. */
export function toUnreachable(
  code: string,
  { purpose, url }: { readonly purpose: string; readonly url: string },
  cause: unknown,
): OperatorError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new OperatorError(
    code,
    `the ${purpose} could not be opened at ${describeUrl(url)}: ${reason}`,
    cause,
  )
}

/** Returns the host and database of a connection string, without its user and password. */
function describeUrl(url: string): string {
  if (!URL.canParse(url)) return 'a connection string that is not a URL'
  const { host, pathname } = new URL(url)
  return `${host}${pathname}`
}

/** Returns the SQLSTATE of a failed statement, or of the cause of `error`. */
export function sqlState(error: unknown): string | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++)
    if (cause instanceof pg.DatabaseError) return cause.code
  return undefined
}

/** Returns the text with U+FFFD for each NUL and each half of a surrogate pair, which PostgreSQL cannot hold. */
export function storableText(text: string): string {
  return text.includes('\0') || !text.isWellFormed() ? text.replaceAll('\0', '\ufffd').toWellFormed() : text
}

/** Returns JSON that PostgreSQL can hold, as text and as jsonb, with U+FFFD for each NUL and each half of a surrogate pair. */
export function storableJson(value: unknown): string {
  const text = JSON.stringify(value)
  if (!/\\u(0000|d[89a-f])/.test(text)) return text
  return text.replace(/\\(\\|u0000|ud[89a-f][0-9a-f]{2})/g, (all, escaped) =>
    escaped === '\\' ? all : '\\ufffd',
  )
}
