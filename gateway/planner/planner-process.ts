// A conversation with a planner's process, which is started again when it breaks or takes too long. Free of any planner.
import { type ChildProcess, fork } from 'node:child_process'
import { Socket } from 'node:net'
import type { PlannerRequest, PlannerResponse } from '#gateway/planner/messages.ts'
import { CallerError } from '#platform/domain/errors.ts'

const MAX_WAITING = 1000
const MAX_PLAN_MS = 10_000
/** Of a large supergraph. */
const MAX_START_MS = 60_000
/**
 * Operations are planned once: a planner that has nothing to do for a hundred times as long as it takes to start gives its
 * memory back. So starts cost one per cent of the time at most.
 */
const IDLE_STARTS = 100
const MIN_IDLE_MS = 5_000
const MAX_IDLE_MS = 600_000
/** Characters of what it prints, from the end. */
const MAX_SAID = 500

type Waiting = {
  readonly message: PlannerRequest
  readonly resolve: (answer: PlannerResponse) => void
  readonly reject: (error: Error) => void
}

/** The process ended at what it was asked, or was ended because it took too long. `said` is what it printed at its end. */
export class PlannerCrashed extends Error {
  constructor(what: 'operation' | 'supergraph', said = '') {
    super(`the planner breaks on the ${what}${said === '' ? '' : ` (${said})`}`)
  }
}

export type PlannerProcess = {
  readonly opened: Promise<PlannerResponse>
  ask(message: PlannerRequest): Promise<PlannerResponse>
  close(): void
}

/** With a process that is started again, and told `opening` again, whenever it has ended and is asked something. */
export function startPlannerProcess(program: URL, opening: PlannerRequest): PlannerProcess {
  /** In the order asked, which is that of the answers: the first is what the process is at. */
  let waiting: Waiting[] = []
  let child: ChildProcess | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let startedAt = 0
  let idleMs = MIN_IDLE_MS

  function start(): void {
    startedAt = performance.now()
    const started = fork(program, { execArgv: [], env: {}, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    if (started.stderr instanceof Socket) started.stderr.unref() // the channel is what keeps this process up, or not
    let said = ''
    started.stderr?.setEncoding('utf8').on('data', text => {
      said = (said + text).slice(-MAX_SAID)
    })
    started.on('message', (answer: PlannerResponse) => settle(answer))
    started.on('error', () => started.kill('SIGKILL'))
    // Not at its exit: what it printed may come after that.
    started.once('close', () => {
      if (child === started) ended(said.trim().replaceAll(/\s*\n\s*/g, '; '))
    })
    child = started
  }

  function send(asked: Waiting): void {
    waiting.push(asked)
    child?.send(asked.message, arrived)
    watch()
  }

  /** The supergraph is the first thing that a new process is told. */
  function restart(): void {
    start()
    send({ message: opening, resolve() {}, reject() {} })
  }

  function settle(answer: PlannerResponse): void {
    const answered = waiting.shift()
    if (answered?.message === opening) {
      const startMs = performance.now() - startedAt
      idleMs = Math.min(MAX_IDLE_MS, Math.max(MIN_IDLE_MS, IDLE_STARTS * startMs))
    }
    answered?.resolve(answer)
    watch()
  }

  /** What the process was at is what it broke on; the others are asked again. */
  function ended(said: string): void {
    child = undefined
    const [first, ...others] = waiting
    waiting = []
    clearTimeout(timer)
    if (first?.message === opening) {
      for (const { reject } of [first, ...others]) reject(new PlannerCrashed('supergraph', said))
      return
    }
    first?.reject(new PlannerCrashed('operation', said))
    if (others.length > 0) restart()
    for (const other of others) send(other)
  }

  function watch(): void {
    clearTimeout(timer)
    const [first] = waiting
    hold(first !== undefined)
    const ms = first === undefined ? idleMs : first.message === opening ? MAX_START_MS : MAX_PLAN_MS
    timer = child && setTimeout(() => child?.kill('SIGKILL'), ms).unref()
  }

  /** Only while it is waited for does the process keep the gateway's own process up. */
  function hold(needed: boolean): void {
    if (needed) {
      child?.ref()
      child?.channel?.ref()
    } else {
      child?.unref()
      child?.channel?.unref()
    }
  }

  const opened = new Promise<PlannerResponse>((resolve, reject) => {
    start()
    send({ message: opening, resolve, reject })
  })
  return {
    opened,
    ask(message) {
      if (closed) return Promise.reject(new Error('the planner is closed'))
      if (waiting.length >= MAX_WAITING)
        return Promise.reject(new CallerError('UNAVAILABLE', 'too many new operations at once: try again'))
      return new Promise((resolve, reject) => {
        if (!child) restart()
        send({ message, resolve, reject })
      })
    },
    close() {
      closed = true
      clearTimeout(timer)
      const ending = child
      child = undefined
      ending?.kill('SIGKILL')
      for (const { reject } of waiting.splice(0)) reject(new Error('the planner is closed'))
    },
  }
}

/** A message that does not arrive is told of by the end of the process. */
function arrived(): void {}
