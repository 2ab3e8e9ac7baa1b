// Starts Redis or Valkey servers and clusters for tests and benchmarks, which can be killed, paused and restarted.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '#start/postgres-server.ts'
import { type Engine, engineAt, outputOf } from '#testbed/engines/engine.ts'
import { type ServerProcess, startServerProcess } from '#testbed/engines/server-process.ts'

const CLUSTER_DEADLINE_MS = 30_000
const INSTALL_MS = 120_000

export const redis: Engine = {
  name: 'Redis',
  find() {
    const given = engineAt('REDIS_URL', 'Redis')
    if (given) return given
    const kind = redisOnPath()
    return kind && { version: versionOf(kind), from: 'PATH', start: startEngine }
  },
  async install() {
    const reason = missingRedisReason()
    if (reason !== undefined) throw new Error(reason)
  },
}

function versionOf(kind: 'redis' | 'valkey'): string {
  const text = outputOf(`${kind}-server`, '--version') ?? ''
  return `${kind === 'redis' ? 'Redis' : 'Valkey'} ${/v=([\d.]+)/.exec(text)?.[1] ?? text}`
}

async function startEngine() {
  const server = await startRedis()
  return { url: server.url, faults: server, [Symbol.asyncDispose]: () => server.kill() }
}

/** A restarted one is empty. */
export type RedisProcess = ServerProcess & {
  readonly url: string
  /** Sends one command and returns the raw reply. */
  command(...command: string[]): Promise<string>
}

/** Returns why tests with Redis cannot run; undefined when they can. Installs it when this process is root. */
export function missingRedisReason(): string | undefined {
  if (redisOnPath()) return undefined
  if (process.getuid?.() !== 0) return 'redis-server is not on PATH, and only root may install it'
  try {
    execFileSync('apt-get', ['install', '-y', 'redis-server'], { stdio: 'ignore', timeout: INSTALL_MS })
  } catch {
    return 'redis-server is not on PATH, and apt-get could not install it'
  }
  return redisOnPath() ? undefined : 'redis-server is not on PATH'
}

/** Returns which of Redis and Valkey is on PATH: the prefix of its programs' names. */
function redisOnPath(): 'redis' | 'valkey' | undefined {
  return (['redis', 'valkey'] as const).find(kind => outputOf(`${kind}-server`, '--version') !== undefined)
}

/** Starts a server. `settings` are command line settings: `{ maxmemory: '2mb' }`. */
export async function startRedis(settings: Readonly<Record<string, string>> = {}): Promise<RedisProcess> {
  const port = await freePort()
  const program = `${redisOnPath()}-server`
  const all = { port: String(port), bind: '127.0.0.1', save: '', appendonly: 'no', ...settings }
  const flags = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value])
  const server = await startServerProcess({
    name: 'Redis',
    launch: () => spawn(program, flags, { stdio: 'ignore' }),
    answers: async () => /^(\+PONG|-NOAUTH)/.test(await talk(port, ['PING'])),
  })
  return { ...server, url: `redis://127.0.0.1:${port}`, command: (...command) => talk(port, command) }
}

export type RedisCluster = AsyncDisposable & {
  /** The nodes' URLs separated by commas, as CACHE_URL takes them. */
  readonly url: string
  /** The nodes; those that began as masters come first. */
  readonly nodes: readonly RedisProcess[]
}

/** Starts three masters with a replica each that takes over within seconds. Resolves once it could. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const open = new AsyncDisposableStack()
  const nodes: RedisProcess[] = []
  try {
    for (let index = 0; index < 6; index++) nodes.push(open.use(await startClusterNode(open)))
    const addresses = nodes.map(({ url }) => new URL(url).host)
    const create = ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes']
    execFileSync(`${redisOnPath()}-cli`, create, { stdio: 'ignore', timeout: 60_000 })
    for (const node of nodes) await served(node)
  } catch (error) {
    await open.disposeAsync()
    throw error
  }
  return {
    url: nodes.map(({ url }) => url).join(),
    nodes,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

async function startClusterNode(open: AsyncDisposableStack): Promise<RedisProcess> {
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-redis-'))
  open.defer(() => rm(folder, { recursive: true, force: true }))
  return startRedis({
    dir: folder,
    'cluster-enabled': 'yes',
    'cluster-port': String(await freePort()),
    'cluster-node-timeout': '1000',
    'repl-diskless-sync-delay': '0',
  })
}

/** Waits until the node sees all slots served and, as a replica, is in sync: before that it would not take over. */
async function served(node: RedisProcess): Promise<void> {
  const deadline = Date.now() + CLUSTER_DEADLINE_MS
  const isServed = async () =>
    (await node.command('CLUSTER', 'INFO')).includes('cluster_state:ok') &&
    /role:master|master_link_status:up/.test(await node.command('INFO', 'replication'))
  while (!(await isServed())) {
    if (Date.now() > deadline) throw new Error('the cluster of Redis does not come to serve its slots')
    await delay(50)
  }
}

/** Sends one command over a new connection and returns the reply as it comes. */
function talk(port: number, command: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, '127.0.0.1', () => {
      const parts = command.map(part => `$${Buffer.byteLength(part)}\r\n${part}\r\n`)
      socket.write(`*${command.length}\r\n${parts.join('')}`)
    })
    socket.once('error', reject)
    socket.once('data', reply => {
      socket.destroy()
      resolve(reply.toString())
    })
  })
}
