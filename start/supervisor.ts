// Supervises the host processes: starts them, restarts one that dies, and stops them.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { OperatorError } from '#platform/domain/errors.ts'
import { faultOf } from '#platform/process/fault.ts'
import type { HostReport } from '#start/service-host.ts'
import type { Assignment } from '#start/services.ts'
import type { ServiceName } from '#start/topology.ts'

const HOST_MODULE = fileURLToPath(new URL('./service-host.ts', import.meta.url))
const RESTARTS_ALLOWED = 5
const RESTART_WINDOW_MS = 60_000
const STOP_DEADLINE_MS = 20_000

/** `gaveUp` resolves when the host died too often and is not restarted any more. */
export type SupervisedHost = AsyncDisposable & { readonly gaveUp: Promise<Error> }

type HostOptions = {
  /** The process starts at once and waits for its assignment. When that rejects, the process is ended. */
  readonly assignment: Assignment | Promise<Assignment>
  /** The services whose modules it loads while it waits. */
  readonly preload?: readonly ServiceName[]
  readonly logFile: string
  readonly env: Readonly<Record<string, string>>
  readonly say: (line: string) => void
  /** Aborts a start that is in progress. */
  readonly signal?: AbortSignal
}

/** Resolves once every service in the host is ready. A host that dies is restarted, at most five times a minute. */
export async function superviseHost(options: HostOptions): Promise<SupervisedHost> {
  const stop = new AbortController()
  const starting = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  const first = await startHost(options, starting)
  const gaveUp = Promise.withResolvers<Error>()
  const state = { child: first }
  const watching = watch(options, state, starting).then(error => error && gaveUp.resolve(error))
  return {
    gaveUp: gaveUp.promise,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await stopHost(state.child)
      await watching
    },
  }
}

/** Restarts the host each time it dies, until `stop` aborts; returns why it gave up. */
async function watch(
  options: HostOptions,
  state: { child: ChildProcess },
  stop: AbortSignal,
): Promise<Error | undefined> {
  const deaths: number[] = []
  const names = (await options.assignment).services.map(service => service.name).join(', ')
  for (;;) {
    if (!hasEnded(state.child)) await once(state.child, 'exit')
    if (stop.aborted) return undefined
    deaths.push(Date.now())
    const recent = deaths.filter(at => at > Date.now() - RESTART_WINDOW_MS).length
    if (recent > RESTARTS_ALLOWED)
      return new OperatorError(
        'HOST_KEEPS_DYING',
        `${names} died ${recent} times within a minute: see ${options.logFile}`,
      )
    options.say(
      `restart    ${names}: the process ended (${state.child.signalCode ?? state.child.exitCode}), starting it again`,
    )
    try {
      await delay(200 * (recent - 1), undefined, { signal: stop })
      state.child = await startHost(options, stop)
    } catch (error) {
      if (stop.aborted) return undefined
      options.say(`restart    ${names}: the new process did not start: ${faultOf(error).message}`)
    }
  }
}

/** Starts a host and waits for its report. When that fails, the child is ended before the error is thrown. */
async function startHost(options: HostOptions, signal: AbortSignal): Promise<ChildProcess> {
  signal.throwIfAborted()
  const child = forkHost(options)
  const end = () => child.kill('SIGKILL')
  signal.addEventListener('abort', end)
  const outcome = firstReport(child, options.logFile)
  try {
    const assignment = await Promise.race([options.assignment, outcome])
    if ('services' in assignment) child.send(assignment, () => {}) // a dead child reports by its exit
    const report = await outcome
    signal.throwIfAborted()
    if (!report.ready) throw new OperatorError(report.code, report.error)
    return child
  } catch (error) {
    end()
    if (child.pid !== undefined && !hasEnded(child)) await once(child, 'exit')
    throw error
  } finally {
    signal.removeEventListener('abort', end)
  }
}

/** Forks the host. When the log file cannot be opened, the services run without one. */
function forkHost({ env, logFile, preload = [], say }: HostOptions): ChildProcess {
  const log = openLog(logFile, say)
  const output = log ?? 'ignore'
  try {
    return fork(HOST_MODULE, [...preload], { env: { ...env }, stdio: ['ignore', output, output, 'ipc'] })
  } finally {
    if (log !== undefined) closeSync(log)
  }
}

function openLog(logFile: string, say: (line: string) => void): number | undefined {
  try {
    return openSync(logFile, 'a', 0o600)
  } catch (error) {
    say(`log        the services run without a log: ${faultOf(error).message}`)
    return undefined
  }
}

function firstReport(child: ChildProcess, logFile: string): Promise<HostReport> {
  return new Promise(resolve => {
    const failed = (how: string) =>
      resolve({ ready: false, code: 'HOST_DIED', error: `${how} before it was ready: see ${logFile}` })
    child.once('message', message => resolve(message as HostReport))
    child.once('exit', (code, signal) => failed(`a process of services ended with ${signal ?? code}`))
    child.once('error', error => failed(`a process of services could not be run (${error.message})`))
  })
}

async function stopHost(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS)
  await ended
  clearTimeout(late)
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}
