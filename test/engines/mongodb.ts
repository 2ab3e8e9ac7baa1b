// MongoDB for tests: at its URL, from PATH, or FerretDB, which speaks its protocol, built by Go and with a PostgreSQL behind it.
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { MongoClient } from 'mongodb'
import { startEmbeddedPostgres } from '#start/embedded-postgres.ts'
import { freePort } from '#start/postgres-server.ts'
import { ENGINES_FOLDER, type Engine, type FoundEngine, type RunningEngine } from '#test/engines/engine.ts'

/** The last of the versions that need no extension in PostgreSQL. */
const FERRETDB = '1.24.0'
const OBTAINED = path.join(ENGINES_FOLDER, `ferretdb-${FERRETDB}`)
const BUILD_MS = 900_000
const START_MS = 60_000

export const mongodb: Engine = {
  name: 'MongoDB',
  find: () => findRealMongodb() ?? findFerretdb(),
  async obtain() {
    if (existsSync(OBTAINED)) return
    await mkdir(ENGINES_FOLDER, { recursive: true })
    const folder = await mkdtemp(path.join(ENGINES_FOLDER, 'ferretdb-build-'))
    try {
      await build(folder)
      await rename(path.join(folder, 'ferretdb'), OBTAINED)
    } catch (cause) {
      const reason = `Go could not build FerretDB ${FERRETDB}: ${reasonOf(cause)}`
      throw new Error(`mongod is not on PATH, and ${reason}`, { cause })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
}

/** `MONGODB_URL`, else `mongod` from PATH: what takes nothing to be there. */
export function findRealMongodb(): FoundEngine | undefined {
  const url = process.env.MONGODB_URL
  if (url)
    return {
      version: 'MongoDB',
      from: 'MONGODB_URL',
      start: async () => ({ url, async [Symbol.asyncDispose]() {} }),
    }
  const text = firstLine('mongod', '--version')
  const version = text && `MongoDB ${/\d+\.\d+\.\d+/.exec(text)?.[0] ?? text}`
  return version ? { version, from: 'PATH', start: startMongod } : undefined
}

function findFerretdb(): FoundEngine | undefined {
  const version = existsSync(OBTAINED) && firstLine(OBTAINED, '--version')
  if (!version) return undefined
  return {
    version: `FerretDB ${FERRETDB} on PostgreSQL`,
    from: 'the Go module proxy',
    start: () => startFerretdb(),
  }
}

/** The URL of a database of `server` that no other test uses. */
export function freshMongodb(server: RunningEngine): string {
  return server.url.replace(/^([^/]+\/\/[^/?]+)\/?[^?]*/, `$1/test_${randomUUID().replaceAll('-', '')}`)
}

function firstLine(program: string, ...args: string[]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: 'utf8', timeout: 10_000 }).split('\n')[0]
  } catch {
    return undefined
  }
}

/** From a copy of the module, which wants to be told its version; packages are read from the module cache. */
async function build(folder: string): Promise<void> {
  const run = (cwd: string, ...args: string[]) =>
    promisify(execFile)('nice', ['-n', '10', 'go', ...args], {
      cwd,
      env: { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '-buildvcs=false' },
      timeout: BUILD_MS,
      maxBuffer: 2 ** 26,
    })
  await writeFile(path.join(folder, 'go.mod'), 'module waybill/engines\n')
  const { stdout } = await run(
    folder,
    'mod',
    'download',
    '-json',
    `github.com/FerretDB/FerretDB@v${FERRETDB}`,
  )
  const source = path.join(folder, 'source')
  await cp(String(JSON.parse(stdout).Dir), source, { recursive: true })
  await makeWritable(source)
  await writeFile(path.join(source, 'build', 'version', 'version.txt'), `v${FERRETDB}`)
  await run(source, 'build', '-trimpath', '-o', path.join(folder, 'ferretdb'), './cmd/ferretdb')
}

/** A module in the cache is read-only, and so are its copies. */
async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }))
    await chmod(path.join(entry.parentPath, entry.name), 0o755)
}

function reasonOf(cause: unknown): string {
  if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return 'go is not on PATH'
  if (cause instanceof Error && 'killed' in cause && cause.killed === true)
    return `not done within ${BUILD_MS / 60_000} min`
  const lines = (cause instanceof Error ? cause.message : String(cause)).trim().split('\n')
  return lines.at(-1) ?? 'for no reason given'
}

async function startMongod(): Promise<RunningEngine> {
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-mongodb-'))
  const port = await freePort()
  const settings = ['--dbpath', folder, '--port', `${port}`, '--bind_ip', '127.0.0.1']
  return keep(port, () => spawn('mongod', settings, { stdio: 'ignore' }), {
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true })
    },
  })
}

/** Its PostgreSQL goes on while it is killed or paused. Lets in `user` alone, with authSource `admin`, where one is given. */
export async function startFerretdb(user?: {
  readonly name: string
  readonly password: string
}): Promise<RunningEngine> {
  await using open = new AsyncDisposableStack()
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-ferretdb-'))
  open.defer(() => rm(folder, { recursive: true, force: true }))
  const directory = path.join(folder, 'postgres')
  const postgres = open.use(await startEmbeddedPostgres({ directory, log: () => {}, volatile: true }))
  const behind = `${await postgres.database('ferretdb')}?pool_max_conns=80`
  const port = await freePort()
  const settings = [
    ['--handler=postgresql', `--postgresql-url=${behind}`, `--state-dir=${folder}`],
    [`--listen-addr=127.0.0.1:${port}`, '--debug-addr=-', '--telemetry=disable', '--log-level=ERROR'],
    user
      ? [
          '--test-enable-new-auth',
          '--setup-database=admin',
          `--setup-username=${user.name}`,
          `--setup-password=${user.password}`,
        ]
      : [],
  ].flat()
  const launch = () => spawn(OBTAINED, settings, { stdio: 'ignore', cwd: folder })
  return keep(port, launch, open.move())
}

/** `rest` goes after the server. */
async function keep(port: number, launch: () => ChildProcess, rest: AsyncDisposable): Promise<RunningEngine> {
  const start = async () => {
    const started = launch()
    await answers(started, port)
    return started
  }
  let server = await start()
  async function kill(): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return
    const ended = once(server, 'exit')
    server.kill('SIGKILL') // a paused one, too
    await ended
  }
  return {
    url: `mongodb://127.0.0.1:${port}/waybill`,
    faults: {
      kill,
      async restart() {
        await kill()
        server = await start()
      },
      pause: () => void server.kill('SIGSTOP'),
      resume: () => void server.kill('SIGCONT'),
    },
    async [Symbol.asyncDispose]() {
      await kill()
      await rest[Symbol.asyncDispose]()
    },
  }
}

async function answers(server: ChildProcess, port: number): Promise<void> {
  const deadline = Date.now() + START_MS
  while (Date.now() < deadline) {
    if (server.exitCode !== null) throw new Error(`MongoDB ended with ${server.exitCode}`)
    if ((await listens(port)) && (await pings(port))) return
    await delay(50)
  }
  server.kill('SIGKILL')
  throw new Error(`MongoDB did not answer within ${START_MS / 1000} s`)
}

function listens(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createConnection(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

async function pings(port: number): Promise<boolean> {
  const client = new MongoClient(`mongodb://127.0.0.1:${port}`, { serverSelectionTimeoutMS: 2_000 })
  try {
    await client.db('admin').command({ ping: 1 })
    return true
  } catch {
    return false
  } finally {
    await client.close()
  }
}
