// Keeps the host processes alive: starts them, restarts one that dies, stops them in order.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { OperatorError } from '#platform/domain/errors.ts'
import type { Assignment, HostReport } from '#start/host.ts'

const HOST_MODULE = fileURLToPath(new URL('./host.ts', import.meta.url))
const RESTARTS_ALLOWED = 5
const RESTART_WINDOW_MS = 60_000
const STOP_DEADLINE_MS = 20_000

export type SupervisedHost = AsyncDisposable & { readonly gaveUp: Promise<Error> }

export type HostOptions = {
  readonly assignment: Assignment
  readonly logFile: string
  readonly env: Readonly<Record<string, string>>
  readonly say: (line: string) => void
}

/** Resolves once every service in it is ready. A host that dies later is started again, five times a minute at most. */
export async function superviseHost(options: HostOptions): Promise<SupervisedHost> {
  let child = await startHost(options)
  let stopping = false
  const gaveUp = Promise.withResolvers<Error>()

  const watch = async (): Promise<void> => {
    const deaths: number[] = []
    for (;;) {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      if (stopping) return
      deaths.push(Date.now())
      const recent = deaths.filter(at => at > Date.now() - RESTART_WINDOW_MS).length
      const names = options.assignment.services.map(service => service.name).join(', ')
      if (recent > RESTARTS_ALLOWED)
        return gaveUp.resolve(
          new OperatorError(
            'HOST_KEEPS_DYING',
            `${names} died ${recent} times within a minute: see ${options.logFile}`,
          ),
        )
      options.say(`restart    ${names}: the process ended (${child.signalCode ?? child.exitCode})`)
      await delay(200 * recent)
      if (stopping) return
      try {
        child = await startHost(options)
      } catch (error) {
        options.say(`restart    failed: ${error instanceof Error ? error.message : error}`)
      }
    }
  }
  const watching = watch()
  return {
    gaveUp: gaveUp.promise,
    async [Symbol.asyncDispose]() {
      stopping = true
      await stopHost(child)
      await watching
    },
  }
}

async function startHost(options: HostOptions): Promise<ChildProcess> {
  const log = openSync(options.logFile, 'a', 0o600)
  const child = fork(HOST_MODULE, [], {
    env: { ...options.env },
    stdio: ['ignore', log, log, 'ipc'],
  })
  closeSync(log)
  child.send(options.assignment)
  const outcome = await new Promise<HostReport>(resolve => {
    child.once('message', message => resolve(message as HostReport))
    child.once('exit', code =>
      resolve({
        ready: false,
        code: 'HOST_DIED',
        error: `ended with ${code} before it was ready: see ${options.logFile}`,
      }),
    )
  })
  if (outcome.ready) return child
  throw new OperatorError(outcome.code, outcome.error)
}

async function stopHost(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS)
  await ended
  clearTimeout(late)
}
