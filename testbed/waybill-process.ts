// Starts a whole Waybill as a user does: a process with its own ports and data, to be stopped or killed.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { SubgraphName } from '#platform/subgraph/names.ts'
import { runningDatabase } from '#start/embedded-postgres.ts'
import { databaseFolders } from '#start/postgres-cluster.ts'
import { stopServer } from '#start/postgres-server.ts'
import { PORT_OFFSETS, type ServiceName } from '#start/topology.ts'

const TREE = fileURLToPath(new URL('../', import.meta.url))
const READY = /^Waybill is ready/
// Below the range of outgoing connections (32768 and up on Linux), one of which could take the port meanwhile.
const LOWEST_PORT = 12_000
const HIGHEST_PORT = 32_000
const FREE_DEADLINE_MS = 30_000

export type WaybillProcess = AsyncDisposable & {
  /** Resolves when it is ready; rejects with its output when it ends before. */
  readonly ready: Promise<void>
  /** Resolves with the exit code, or null after a signal. */
  readonly ended: Promise<number | null>
  readonly lines: readonly string[]
  /** The id of the started process, whose children are the service hosts. */
  readonly pid: number
  url(service: ServiceName): string
  /** Returns the id of the process that hosts `service`. */
  hostPid(service: ServiceName): Promise<number>
  /** Returns the ids of its processes that still live, without the database server. */
  pids(): Promise<number[]>
  /** Kills the starter and every service process at once; the database server keeps running. */
  kill(): Promise<void>
  /** Sends SIGINT as Ctrl-C does, and resolves with the exit code. */
  interrupt(): Promise<number | null>
}

export type WaybillOptions = {
  readonly dataDir: string
  readonly portBase: number
  readonly env?: Readonly<Record<string, string>>
  /** The sources that are run; this tree when left out. */
  readonly tree?: string
}

/** Creates a data folder. Disposing stops what a killed instance left running on it. */
export async function openDataDir(): Promise<AsyncDisposable & { readonly dataDir: string }> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'waybill-instance-'))
  await chmod(dataDir, 0o755) // PostgreSQL's own account must be able to pass through
  return {
    dataDir,
    async [Symbol.asyncDispose]() {
      for (const folder of await databaseFolders(path.join(dataDir, 'postgres'))) {
        await stopServer(path.join(folder, 'cluster'))
        await rm(folder, { recursive: true, force: true })
      }
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** Returns the connection string of a database of the instance that runs, or was killed, on `dataDir`. */
export async function databaseOf(dataDir: string, name: SubgraphName | 'bus'): Promise<string> {
  const url = await runningDatabase(path.join(dataDir, 'postgres'), `waybill_${name}`)
  if (url === undefined) throw new Error(`no database server runs on ${dataDir}`)
  return url
}

/** Returns a port base whose seven ports are free at the moment. */
export async function freePortBase(): Promise<number> {
  for (;;) {
    const base = randomPort()
    if (await areFree(base)) return base
  }
}

/** Starts an instance. Resolves when it is ready; throws with its output when it ends before. */
export async function whenPortsAreFree(portBase: number): Promise<void> {
  const late = AbortSignal.timeout(FREE_DEADLINE_MS)
  while (!(await areFree(portBase))) {
    late.throwIfAborted()
    await delay(20)
  }
}

async function areFree(portBase: number): Promise<boolean> {
  const free = await Promise.all(Object.values(PORT_OFFSETS).map(offset => isFree(portBase + offset)))
  return free.every(Boolean)
}

/** Returns a random port that no outgoing connection takes, free or not. */
export function randomPort(): number {
  return LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT))
}

export function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const probe = createServer().once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}

/** Resolves when the instance says that it is ready; throws with all that it printed when it ends before. */
export async function startWaybill(options: WaybillOptions): Promise<WaybillProcess> {
  const instance = launchWaybill(options)
  await instance.ready
  return instance
}

/** Starts an instance without waiting until it is ready. */
export function launchWaybill({ dataDir, portBase, env, tree = TREE }: WaybillOptions): WaybillProcess {
  const child = spawn(process.execPath, [path.join(tree, 'start/main.ts')], {
    detached: true, // its own process group, so that all of it can be killed at once
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DATA_DIR: dataDir, PORT_BASE: String(portBase), ...env },
  })
  const lines: string[] = []
  const ended = once(child, 'close').then(([code]) => (typeof code === 'number' ? code : null))
  const ready = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', line => {
        lines.push(line)
        if (READY.test(line)) resolve()
      })
    void ended.then(code => reject(new Error(`the instance ended with ${code}:\n${lines.join('\n')}`)))
  })
  ready.catch(() => {}) // a killed instance need not become ready
  const { pid = 0 } = child
  return {
    ready,
    ended,
    lines,
    pid,
    url: service => `http://127.0.0.1:${portBase + PORT_OFFSETS[service]}`,
    async hostPid(service) {
      const host = (await processes()).find(
        ({ group, command }) => group === pid && command.includes('host.ts') && command.includes(service),
      )
      if (!host) throw new Error(`no process hosts ${service}`)
      return host.pid
    },
    pids: async () => (await processes()).filter(({ group }) => group === pid).map(found => found.pid),
    async kill() {
      signalGroup(child, 'SIGKILL')
      await ended
      await whenPortsAreFree(portBase)
    },
    async interrupt() {
      signalGroup(child, 'SIGINT')
      return ended
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      signalGroup(child, 'SIGINT')
      await ended
    },
  }
}

type Process = { readonly pid: number; readonly group: number; readonly command: string }

/** Lists the living processes; zombies are left out. */
async function processes(): Promise<Process[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'pid=,pgid=,stat=,command='])
  return stdout.split('\n').flatMap(line => {
    const [, pid, group, state = 'Z', command = ''] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    return state.startsWith('Z') ? [] : [{ pid: Number(pid), group: Number(group), command }]
  })
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
