// Finds, starts, connects to and stops the PostgreSQL server process of a cluster.
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, realpathSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { OperatorError } from '#platform/domain/errors.ts'
import type { Owner } from '#start/postgres-cluster.ts'

type PostgresServer = { readonly pid: number; readonly port: number }

export type PostgresSetup = {
  readonly binaries: string
  readonly cluster: string
  readonly owner: Owner | undefined
  /** For tests: commits return before they are on disk. */
  readonly volatile: boolean
}

const LOOK_MS = 25
/** An overloaded machine may need minutes; a server that cannot start ends, which is noticed at once. */
const START_DEADLINE_MS = 300_000
const SAY_AFTER_MS = 5_000
const STOP_DEADLINE_MS = 30_000

/** Returns the server that runs on `cluster`, whoever started it. */
export async function findServer(cluster: string): Promise<PostgresServer | undefined> {
  const server = await readPidFile(cluster)
  return server && isServerOf(cluster, server.pid) ? server : undefined
}

async function readPidFile(cluster: string): Promise<PostgresServer | undefined> {
  const lines = (await readFile(pidFileOf(cluster), 'utf8').catch(() => '')).split('\n')
  const [pid, port] = [Number(lines[0]), Number(lines[3])]
  return pid && port ? { pid, port } : undefined
}

function pidFileOf(cluster: string): string {
  return path.join(cluster, 'postmaster.pid')
}

/** After a crash or a reboot, the process with that id may be another program. */
function isServerOf(cluster: string, pid: number): boolean {
  try {
    const command = commandOf(pid)
    return command.includes(cluster) || command.includes(realpathSync(cluster))
  } catch {
    return false // it has just ended
  }
}

function commandOf(pid: number): string {
  if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  return spawnSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Returns a port that was free a moment ago. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** Starts a server in its own process group, so that Ctrl-C reaches the services first. Does not wait until it is ready. */
export async function launch(setup: PostgresSetup, port: number): Promise<PostgresServer> {
  await removeMisleadingPidFile(setup.cluster)
  const output = openSync(startLogOf(setup.cluster), 'w', 0o600)
  const server = spawn(
    path.join(setup.binaries, 'bin', 'postgres'),
    ['-D', setup.cluster, ...flags(setup, port)],
    {
      ...setup.owner,
      cwd: setup.cluster,
      detached: true,
      stdio: ['ignore', output, output],
    },
  )
  closeSync(output)
  await new Promise<void>((resolve, reject) => server.once('spawn', resolve).once('error', reject))
  server.unref()
  return { pid: server.pid ?? 0, port }
}

/**
 * PostgreSQL refuses to start while the process in its old PID file lives, even if that is another program. The file of
 * a dead process stays: PostgreSQL reads in it what to check for sessions that outlived their server.
 */
async function removeMisleadingPidFile(cluster: string): Promise<void> {
  const server = await readPidFile(cluster)
  if (server && isAlive(server.pid) && !isServerOf(cluster, server.pid)) await rm(pidFileOf(cluster))
}

function flags({ volatile }: PostgresSetup, port: number): string[] {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    port,
    max_connections: 200,
    shared_buffers: '256MB',
    max_wal_size: '4GB',
    checkpoint_timeout: '15min',
    wal_level: 'minimal',
    wal_compression: 'on', // page images after a checkpoint get less than half as large, at no CPU time that shows
    max_wal_senders: 0,
    jit: 'off',
    log_checkpoints: 'off',
    logging_collector: 'on',
    log_directory: 'log',
    log_filename: 'postgres-%a.log',
    log_truncate_on_rotation: 'on',
    log_file_mode: '0600',
    ...(volatile && { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** The server's output before its log is open, for example that its port is taken. */
function startLogOf(cluster: string): string {
  return path.join(path.dirname(cluster), 'start.log')
}

/**
 * Returns a session as soon as `server` accepts one, or undefined when the server ends first. Logs when that takes long.
 * Throws OperatorError POSTGRES_DID_NOT_START after five minutes.
 */
export async function connectWhenReady(
  url: string,
  server: PostgresServer,
  log: (line: string) => void,
): Promise<pg.Client | undefined> {
  const deadline = Date.now() + START_DEADLINE_MS
  const slow = setTimeout(
    log,
    SAY_AFTER_MS,
    `waiting for PostgreSQL, ${START_DEADLINE_MS / 60_000} minutes at most`,
  )
  try {
    return await connectBefore(deadline, url, server)
  } finally {
    clearTimeout(slow)
  }
}

async function connectBefore(
  deadline: number,
  url: string,
  server: PostgresServer,
): Promise<pg.Client | undefined> {
  while (isAlive(server.pid)) {
    const client = new pg.Client({ connectionString: url, keepAlive: true, connectionTimeoutMillis: 10_000 })
    client.on('error', () => {}) // the event `end` follows
    try {
      await client.connect()
      return client
    } catch (cause) {
      await client.end().catch(() => {}) // the failed connection is handled below
      if (Date.now() > deadline || isRefusal(cause)) throw noSession(cause)
      await delay(LOOK_MS)
    }
  }
  return undefined
}

function noSession(cause: unknown): OperatorError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new OperatorError('POSTGRES_DID_NOT_START', `PostgreSQL takes no session: ${reason}`, cause)
}

/** The password is wrong or the account is not permitted, so waiting does not help. */
function isRefusal(cause: unknown): boolean {
  return cause instanceof pg.DatabaseError && cause.code?.startsWith('28') === true
}

export async function startFailure(cluster: string): Promise<OperatorError> {
  const said = (await readFile(startLogOf(cluster), 'utf8').catch(() => '')).trim().split('\n').at(-1)
  const logs = path.join(cluster, 'log')
  return new OperatorError('POSTGRES_DID_NOT_START', `PostgreSQL ended at once: ${said || `see ${logs}`}`)
}

/** Requests a fast shutdown and waits for its end. The cluster is consistent however it ends. */
export async function stopServer(cluster: string): Promise<void> {
  const server = await findServer(cluster)
  if (!server) return
  process.kill(server.pid, 'SIGINT')
  const deadline = Date.now() + STOP_DEADLINE_MS
  // PostgreSQL removes the file last. A server that was taken over may remain a zombie when nobody reaps it.
  while ((await readPidFile(cluster))?.pid === server.pid && isAlive(server.pid) && Date.now() < deadline)
    await delay(LOOK_MS)
}
