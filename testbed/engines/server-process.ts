// Runs a server in a child process that can be killed, paused and restarted.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Faults } from '#testbed/engines/engine.ts'

type ServerSetup = {
  /** The name, for errors. */
  readonly name: string
  launch(): ChildProcess
  /** Returns whether it responds as it will from then on; a rejection counts as no. */
  answers(): Promise<boolean>
}

/** A server process; disposing kills it. */
export type ServerProcess = Faults & AsyncDisposable

const START_MS = 60_000
const LOOK_MS = 50

/** Creates a server that `restart` starts. */
export function createServerProcess(setup: ServerSetup): ServerProcess {
  let server: ChildProcess | undefined
  async function kill(): Promise<void> {
    if (!server || server.exitCode !== null || server.signalCode !== null) return
    const ended = once(server, 'exit')
    server.kill('SIGKILL') // ends a paused process, too
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

/** Starts a server and resolves once it responds. */
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
