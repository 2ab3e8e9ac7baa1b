// Starts MongoDB for tests and benchmarks: at its URL, from PATH, or FerretDB on PostgreSQL, which speaks its protocol.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { MongoClient } from 'mongodb'
import { startEmbeddedPostgres } from '#start/embedded-postgres.ts'
import { freePort } from '#start/postgres-server.ts'
import {
  ENGINES_FOLDER,
  type Engine,
  engineAt,
  type FoundEngine,
  outputOf,
  type RunningEngine,
} from '#testbed/engines/engine.ts'
import { buildWithGo, copyModule, type Go } from '#testbed/engines/go-build.ts'
import { startServerProcess } from '#testbed/engines/server-process.ts'

/** The newest version that needs no PostgreSQL extension. */
const FERRETDB = '1.24.0'
const OBTAINED = path.join(ENGINES_FOLDER, `ferretdb-${FERRETDB}`)
const BUILD_MS = 900_000

export const mongodb: Engine = {
  name: 'MongoDB',
  find: () => findMongodb() ?? findFerretdb(),
  async install() {
    try {
      await buildWithGo({
        name: `FerretDB ${FERRETDB}`,
        place: OBTAINED,
        env: { GOTOOLCHAIN: 'local' },
        limitMs: BUILD_MS,
        build,
      })
    } catch (cause) {
      throw new Error(`mongod is not on PATH, and ${cause instanceof Error ? cause.message : cause}`, {
        cause,
      })
    }
  },
}

/** Returns MongoDB at `MONGODB_URL` or from PATH, neither of which has to be built. */
export function findMongodb(): FoundEngine | undefined {
  const given = engineAt('MONGODB_URL', 'MongoDB')
  if (given) return given
  const text = outputOf('mongod', '--version')
  const version = text && `MongoDB ${/\d+\.\d+\.\d+/.exec(text)?.[0] ?? text}`
  return version ? { version, from: 'PATH', start: startMongod } : undefined
}

function findFerretdb(): FoundEngine | undefined {
  if (!outputOf(OBTAINED, '--version')) return undefined
  return {
    version: `FerretDB ${FERRETDB} on PostgreSQL`,
    from: 'the Go module proxy',
    start: () => startFerretdb(),
  }
}

/** Returns the URL of a database of `server` that no other test uses. */
export function freshMongodb(server: RunningEngine): string {
  return server.url.replace(/^([^/]+\/\/[^/?]+)\/?[^?]*/, `$1/test_${randomUUID().replaceAll('-', '')}`)
}

/** Builds from a copy of the module with its version written into it; its packages come from the module cache. */
async function build(go: Go, folder: string): Promise<string> {
  const source = await copyModule(go, folder, `github.com/FerretDB/FerretDB@v${FERRETDB}`)
  await writeFile(path.join(source, 'build', 'version', 'version.txt'), `v${FERRETDB}`)
  const program = path.join(folder, 'ferretdb')
  await go(source, 'build', '-trimpath', '-o', program, './cmd/ferretdb')
  return program
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

/** Starts FerretDB, whose PostgreSQL keeps running while it is killed or paused. With `user`, only that user may log in. */
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

/** Returns a connection string; `rest` follows the server. */
async function keep(port: number, launch: () => ChildProcess, rest: AsyncDisposable): Promise<RunningEngine> {
  const answers = async () => (await listens(port)) && (await pings(port))
  const server = await startServerProcess({ name: 'MongoDB', launch, answers })
  return {
    url: `mongodb://127.0.0.1:${port}/waybill`,
    faults: server,
    async [Symbol.asyncDispose]() {
      await server.kill()
      await rest[Symbol.asyncDispose]()
    },
  }
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
  } finally {
    await client.close()
  }
}
