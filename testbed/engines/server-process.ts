// A server that a test starts, kills, pauses and starts again, in a process of its own. Free of what it serves.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Faults } from '#testbed/engines/engine.ts'

export type ServerSetup = {
  /** For errors. */
  readonly name: string
  launch(): ChildProcess
  /** Whether it answers as it will from then on; a throw is a no. */
  answers(): Promise<boolean>
}

/** Disposing kills it. */
export type ServerProcess = Faults & AsyncDisposable

const START_MS = 60_000
const LOOK_MS = 50

/** One that is yet to be started, by `restart`. */
export function createServerProcess(setup: ServerSetup): ServerProcess {
  let server: ChildProcess | undefined
  async function kill(): Promise<void> {
    if (!server || server.exitCode !== null || server.signalCode !== null) return
    const ended = once(server, 'exit')
    server.kill('SIGKILL') // a paused one, too
    await ended
  }
  return {
    kill,
    async restart() {
      await kill()
      server = setup.launch()
      try {
        await untilAnswers(setup, server)
      } catch (error) {
        await kill()
        throw error
      }
    },
    pause: () => void server?.kill('SIGSTOP'),
    resume: () => void server?.kill('SIGCONT'),
    [Symbol.asyncDispose]: kill,
  }
}

/** One that answers. */
export async function startServerProcess(setup: ServerSetup): Promise<ServerProcess> {
  const server = createServerProcess(setup)
  await server.restart()
  return server
}

async function untilAnswers({ name, answers }: ServerSetup, server: ChildProcess): Promise<void> {
  await once(server, 'spawn')
  const deadline = Date.now() + START_MS
  while (!(await answers().catch(() => false))) {
    if (server.exitCode !== null) throw new Error(`${name} ended with ${server.exitCode}`)
    if (Date.now() > deadline) throw new Error(`${name} did not answer within ${START_MS / 1000} s`)
    await delay(LOOK_MS)
  }
}
