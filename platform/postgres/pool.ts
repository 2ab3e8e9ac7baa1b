// A pool of PostgreSQL sessions as the adapters use it: prepared texts, named faults, transactions. Free of any schema.
import pg from 'pg'
import type { Logger } from 'pino'
import { OperatorError } from '#platform/domain/errors.ts'
import { asUnavailable } from '#platform/resilience/outage.ts'

export type StoreLogger = Pick<Logger, 'info' | 'warn' | 'error'>

export type PoolOptions = {
  readonly url: string
  /** What the sessions are for, in words: it stands in error texts. */
  readonly purpose: string
  readonly max: number
  readonly logger?: StoreLogger | undefined
  /** `soft` commits before it is on disk: for what may be repeated after a crash (checkpoints, leases, wake-ups). */
  readonly soft?: boolean
  /**
   * Plans go by indexes always. For a table that grows from nothing within minutes: a plan that was kept while it was
   * small would read all of it each time.
   */
  readonly byIndex?: boolean
}

export type Sql = {
  readonly text: string
  readonly values?: readonly unknown[]
  /** Names a text that is the same each time: it is then parsed and planned once per session. */
  readonly name?: string
}

export type Pool = AsyncDisposable & {
  readonly url: string
  /** Throws CallerError UNAVAILABLE while the database is away, else what the statement did wrong. */
  query<Row extends pg.QueryResultRow>(sql: Sql): Promise<Row[]>
}

const CONNECT_TIMEOUT_MS = 10_000
const STATEMENT_TIMEOUT_MS = 60_000

export function openPool(options: PoolOptions): Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.max,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS + 5_000,
    application_name: `waybill ${options.purpose}`,
    onConnect: async client => {
      if (options.soft) await client.query('SET synchronous_commit = off')
      if (options.byIndex) await client.query('SET enable_seqscan = off; SET enable_hashjoin = off')
    },
  })
  pool.on('error', err => options.logger?.warn({ err }, `an idle session of the ${options.purpose} was lost`))
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

/** Runs `work` in one transaction of a session of its own, which no statement timeout bounds: for changes of a schema. */
export async function inTransaction<T>(url: string, work: (session: pg.Client) => Promise<T>): Promise<T> {
  return withSession(url, async session => {
    await session.query('BEGIN')
    const result = await work(session)
    await session.query('COMMIT')
    return result
  })
}

/** Runs `work` with a session that is closed after it, so that nothing of a failed transaction or a lock is left. */
export async function withSession<T>(url: string, work: (session: pg.Client) => Promise<T>): Promise<T> {
  const session = await openSession(url)
  try {
    return await work(session)
  } finally {
    await session.end().catch(() => {})
  }
}

export async function openSession(url: string): Promise<pg.Client> {
  const session = new pg.Client({
    connectionString: url,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  })
  session.on('error', () => {}) // a lost session fails the statement that is waiting for it
  await session.connect()
  return session
}

/** An OperatorError `code` that says where `url` leads, without its user and password. */
export function toUnreachable(code: string, purpose: string, url: string, cause: unknown): OperatorError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new OperatorError(
    code,
    `the ${purpose} could not be opened at ${describeUrl(url)}: ${reason}`,
    cause,
  )
}

/** Where a connection string leads, without its user and password. */
export function describeUrl(url: string): string {
  if (!URL.canParse(url)) return 'a connection string that is not a URL'
  const { host, pathname } = new URL(url)
  return `${host}${pathname}`
}

/** The SQLSTATE of a failed statement, or of what caused it. */
export function sqlState(error: unknown): string | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++)
    if (cause instanceof pg.DatabaseError) return cause.code
  return undefined
}

/** Text that PostgreSQL can hold: it has no NUL and no half of a surrogate pair. */
export function storableText(text: string): string {
  return text.includes('\0') || !text.isWellFormed() ? text.replaceAll('\0', '\ufffd').toWellFormed() : text
}

/** The value as JSON that a jsonb column can hold, with U+FFFD for a NUL and for half of a surrogate pair. */
export function storableJson(value: unknown): string {
  const text = JSON.stringify(value)
  if (!/\\u(0000|d[89a-f])/.test(text)) return text
  return text.replace(/\\(\\|u0000|ud[89a-f][0-9a-f]{2})/g, (all, escaped) =>
    escaped === '\\' ? all : '\\ufffd',
  )
}
