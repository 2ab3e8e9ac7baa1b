// A copy of Waybill as a user starts it: a process of its own on ports and data of its own, to be stopped or killed.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { PORT_OFFSETS, type ServiceName } from '#start/layout.ts'

const MAIN = fileURLToPath(new URL('../start/main.ts', import.meta.url))
const READY = /^Waybill is ready/
const LOWEST_BASE = 20_000
const HIGHEST_BASE = 55_000

export type Copy = AsyncDisposable & {
  readonly lines: readonly string[]
  url(service: ServiceName): string
  /** SIGKILL to the starter and every service process at once; the database server is left running, as a machine's would. */
  kill(): Promise<void>
  /** Ctrl-C. Resolves with the exit code. */
  interrupt(): Promise<number | null>
}

/** A base from which the seven ports are free at the moment. */
export async function freePortBase(): Promise<number> {
  for (;;) {
    const base = LOWEST_BASE + Math.floor(Math.random() * (HIGHEST_BASE - LOWEST_BASE))
    const free = await Promise.all(Object.values(PORT_OFFSETS).map(offset => isFree(base + offset)))
    if (free.every(Boolean)) return base
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const probe = createServer().once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}

/** Resolves when the copy says that it is ready; throws with all that it printed when it ends before. */
export async function startCopy(options: {
  readonly dataDir: string
  readonly portBase: number
  readonly env?: Readonly<Record<string, string>>
}): Promise<Copy> {
  const { dataDir, portBase } = options
  const child = spawn(process.execPath, [MAIN], {
    detached: true, // a process group of its own, so that all of it can be killed at once
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DATA_DIR: dataDir, PORT_BASE: String(portBase), ...options.env },
  })
  const lines: string[] = []
  const ended = once(child, 'exit')
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', line => {
        lines.push(line)
        if (READY.test(line)) resolve()
      })
    void ended.then(([code]) => reject(new Error(`the copy ended with ${code}:\n${lines.join('\n')}`)))
  })
  return {
    lines,
    url: service => `http://127.0.0.1:${portBase + PORT_OFFSETS[service]}`,
    async kill() {
      signalGroup(child, 'SIGKILL')
      await ended
    },
    async interrupt() {
      signalGroup(child, 'SIGINT')
      const [code] = await ended
      return typeof code === 'number' ? code : null
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      signalGroup(child, 'SIGINT')
      await ended
    },
  }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
