// Runs one service in its own process, from its main.ts and its environment, to be killed and restarted.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import { COMPILE_CACHE, type ServiceName } from '#start/topology.ts'

export type ServiceProcess = AsyncDisposable & {
  readonly service: ServiceName
  /** Service and index: `orders 1` is the second process of orders. */
  readonly name: string
  /** The root URL, the same after each start; GraphQL is at `/graphql`. */
  readonly url: string
  readonly port: number
  /** Starts the process without waiting until it is ready. */
  launch(): void
  /** Resolves once it is ready. Throws with its log when it ends before, or after three minutes. */
  ready(): Promise<void>
  /** Kills it with SIGKILL. Resolves when the process is gone. */
  kill(): Promise<void>
  /** Stops it with SIGTERM, as a deployment does. */
  stop(): Promise<void>
  isRunning(): boolean
  /** Returns its log over all its starts. */
  log(): Promise<string>
}

type ServiceProcessOptions = {
  readonly service: ServiceName
  readonly index: number
  readonly env: Readonly<Record<string, string>>
  readonly logFile: string
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const READY_DEADLINE_MS = 180_000
const STOP_DEADLINE_MS = 25_000
const LOOK_MS = 50

/** Prepares a process. Its environment is `env` with PORT, plus PATH and the compile cache. */
export function createServiceProcess({
  service,
  index,
  env,
  logFile,
}: ServiceProcessOptions): ServiceProcess {
  const port = Number(env.PORT)
  const url = `http://127.0.0.1:${port}`
  const name = `${service} ${index}`
  let child: ChildProcess | undefined

  function launch(): void {
    const log = openSync(logFile, 'a', 0o600)
    child = spawn(process.execPath, [path.join(ROOT, mainOf(service))], {
      stdio: ['ignore', log, log],
      env: { PATH: process.env.PATH ?? '', NODE_COMPILE_CACHE: COMPILE_CACHE, ...env },
    })
    closeSync(log)
    leaveNobodyBehind(child)
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (!child || hasEnded(child)) return
    const ended = once(child, 'exit')
    const late = setTimeout(() => child?.kill('SIGKILL'), STOP_DEADLINE_MS)
    child.kill(signal)
    await ended
    clearTimeout(late)
  }

  return {
    service,
    name,
    url,
    port,
    launch,
    async ready() {
      const late = AbortSignal.timeout(READY_DEADLINE_MS)
      while (!(await isReady(url))) {
        if (late.aborted || !child || hasEnded(child))
          throw new Error(
            `${name} ${late.aborted ? 'is not ready' : 'ended'}:\n${await lastLines(logFile)}\n${await readiness(url)}`,
          )
        await delay(LOOK_MS)
      }
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    isRunning: () => child !== undefined && !hasEnded(child),
    log: () => readFile(logFile, 'utf8').catch(() => ''),
    [Symbol.asyncDispose]: () => end('SIGKILL'),
  }
}

const living = new Set<ChildProcess>()

/** Kills the children when this process exits. */
function leaveNobodyBehind(child: ChildProcess): void {
  if (living.size === 0) process.once('exit', endAll)
  living.add(child)
  child.once('exit', () => {
    living.delete(child)
    if (living.size === 0) process.off('exit', endAll)
  })
}

function endAll(): void {
  for (const child of living) child.kill('SIGKILL')
}

/** Returns the file that runs `service`, relative to the repository. */
export function mainOf(service: ServiceName): string {
  return SUBGRAPHS.some(name => name === service) ? `subgraphs/${service}/main.ts` : `${service}/main.ts`
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

async function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(5_000) }).then(
    async response => {
      await response.arrayBuffer()
      return response.ok
    },
    () => false,
  )
}

async function readiness(url: string): Promise<string> {
  return fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(5_000) }).then(
    response => response.text(),
    error => String(error),
  )
}

async function lastLines(file: string): Promise<string> {
  return (await readFile(file, 'utf8').catch(() => '')).split('\n').slice(-40).join('\n')
}
