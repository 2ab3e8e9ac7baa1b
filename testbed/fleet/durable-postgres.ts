// Starts a PostgreSQL whose commits reach the disk, to be killed and restarted on the same port and data.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import {
  clusterPassword,
  ensureCluster,
  reachableBinaries,
  reachableDirectory,
  SUPERUSER,
  unprivilegedOwner,
} from '#start/postgres-cluster.ts'
import { connectWhenReady, findServer, freePort, launch, stopServer } from '#start/postgres-server.ts'
import type { RunningEngine } from '#testbed/engines/engine.ts'

type DurablePostgres = RunningEngine & {
  readonly version: string
  readonly faults: NonNullable<RunningEngine['faults']>
  /** Creates a database and returns its connection string. */
  database(name: string): Promise<string>
}

const ATTEMPTS = 50
const PAUSE_MS = 200

export async function startDurablePostgres(): Promise<DurablePostgres> {
  const owner = process.getuid?.() === 0 ? unprivilegedOwner() : undefined
  const silent = () => {}
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-fleet-postgres-'))
  const binaries = await reachableBinaries(owner, silent)
  const directory = await reachableDirectory(folder, owner, silent)
  const password = await clusterPassword(directory, owner)
  const cluster = await ensureCluster({ binaries, directory, owner })
  const port = await freePort()
  const urlOf = (database: string) => `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${database}`

  /** Retries, since sessions of a killed server may outlive it for a moment and block the next one. */
  async function start(): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const server = await launch({ binaries, cluster, owner, volatile: false }, port)
      const session = await connectWhenReady(urlOf('postgres'), server, () => {})
      if (session) return session.end()
      await delay(PAUSE_MS)
    }
    throw new Error('PostgreSQL does not start again')
  }

  async function signal(name: NodeJS.Signals): Promise<void> {
    const server = await findServer(cluster)
    if (server) process.kill(server.pid, name)
  }

  async function query<Row extends pg.QueryResultRow>(text: string): Promise<Row[]> {
    const client = new pg.Client({ connectionString: urlOf('postgres') })
    await client.connect()
    const { rows } = await client.query<Row>(text).finally(() => client.end())
    return rows
  }

  await start()
  const [setting] = await query<{ server_version: string }>('SHOW server_version')
  return {
    url: urlOf('postgres'),
    version: `PostgreSQL ${setting?.server_version}`,
    async database(name) {
      await query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`)
      return urlOf(name)
    },
    faults: {
      kill: () => signal('SIGKILL'),
      restart: start,
      pause: () => void signal('SIGSTOP'),
      resume: () => void signal('SIGCONT'),
    },
    async [Symbol.asyncDispose]() {
      await stopServer(cluster)
      await rm(directory, { recursive: true, force: true })
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/**
 * Makes all calls at once, kills the server when a third of them have ended, and starts it again once all have. A call
 * that the crash fails counts as ended: the caller repeats it.
 */
export async function killAmid(
  { faults }: DurablePostgres,
  calls: readonly (() => Promise<unknown>)[],
): Promise<void> {
  const killed = Promise.withResolvers<void>()
  let ended = 0
  const running = calls.map(async call => {
    await call().catch(() => {}) // the caller repeats it
    ended++
    if (ended === Math.ceil(calls.length / 3)) killed.resolve()
  })
  await killed.promise
  await faults.kill()
  await Promise.all(running)
  await faults.restart()
}
