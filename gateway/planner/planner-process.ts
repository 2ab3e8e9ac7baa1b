// Runs a planner's process, and starts it again when it crashes or takes too long.
import { type ChildProcess, fork } from 'node:child_process'
import { Socket } from 'node:net'
import type { PlannerRequest, PlanResult } from '#gateway/planner/planner-worker.ts'
import { CallerError } from '#platform/domain/errors.ts'

const MAX_PENDING = 1000
const MAX_PLAN_MS = 10_000
/** A large supergraph takes long to read. */
const MAX_START_MS = 60_000
/**
 * Operations are planned once, so an idle process gives its memory back after a hundred times as long as it takes to start:
 * starts cost one per cent of the time at most.
 */
const IDLE_STARTS = 100
const MIN_IDLE_MS = 5_000
const MAX_IDLE_MS = 600_000
/** Characters kept of the end of what the process prints. */
const MAX_OUTPUT = 500

type Pending = {
  readonly request: PlannerRequest
  readonly resolve: (result: PlanResult) => void
  readonly reject: (error: Error) => void
}

/** The process died of a request, or was killed because it took too long. `output` is the end of what it printed. */
export class PlannerCrashed extends Error {
  constructor(request: PlannerRequest['kind'], output = '') {
    const subject = request === 'plan' ? 'operation' : 'supergraph'
    super(`the planner crashed on the ${subject}${output === '' ? '' : ` (${output})`}`)
  }
}

export type PlannerProcess = {
  /** Starts the process, and resolves with its response to the supergraph. */
  start(): Promise<PlanResult>
  /**
   * Starts the process first when it is not running. Rejects with UNAVAILABLE when too many requests are pending, with
   * PlannerCrashed when the process died of this one.
   */
  request(request: PlannerRequest): Promise<PlanResult>
  close(): void
}

type State = {
  readonly program: URL
  readonly supergraph: PlannerRequest
  /** Responses come in the order of this list: the process is working on the first. */
  pending: Pending[]
  child: ChildProcess | undefined
  timer: NodeJS.Timeout | undefined
  closed: boolean
  startedAt: number
  idleMs: number
}

export function createPlannerProcess(program: URL, sdl: string): PlannerProcess {
  const state: State = {
    program,
    supergraph: { kind: 'supergraph', sdl },
    pending: [],
    child: undefined,
    timer: undefined,
    closed: false,
    startedAt: 0,
    idleMs: MIN_IDLE_MS,
  }
  return {
    start: () => start(state),
    request: request => requestOf(state, request),
    close: () => close(state),
  }
}

function requestOf(state: State, request: PlannerRequest): Promise<PlanResult> {
  if (state.closed) return Promise.reject(new Error('the planner is closed'))
  if (state.pending.length >= MAX_PENDING)
    return Promise.reject(new CallerError('UNAVAILABLE', 'too many new operations at once: try again'))
  if (!state.child) restart(state)
  return send(state, request)
}

function close(state: State): void {
  const { child, timer } = state
  state.closed = true
  state.child = undefined
  clearTimeout(timer)
  child?.kill('SIGKILL')
  for (const { reject } of state.pending.splice(0)) reject(new Error('the planner is closed'))
}

/** The first request to a new process is always the supergraph. */
function start(state: State): Promise<PlanResult> {
  state.startedAt = performance.now()
  const child = fork(state.program, { execArgv: [], env: {}, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  if (child.stderr instanceof Socket) child.stderr.unref() // the channel is what keeps this process up, or not
  let output = ''
  child.stderr?.setEncoding('utf8').on('data', text => {
    output = (output + text).slice(-MAX_OUTPUT)
  })
  child.on('message', (result: PlanResult) => settleFirst(state, result))
  child.on('error', () => child.kill('SIGKILL'))
  // Not on exit: what it printed may come after that.
  child.once('close', () => {
    if (state.child === child) recover(state, output.trim().replaceAll(/\s*\n\s*/g, '; '))
  })
  state.child = child
  return send(state, state.supergraph)
}

function restart(state: State): void {
  start(state).catch(() => {}) // the requests behind the supergraph are rejected with it
}

function send(state: State, request: PlannerRequest): Promise<PlanResult> {
  return new Promise((resolve, reject) => sendPending(state, { request, resolve, reject }))
}

function sendPending(state: State, pending: Pending): void {
  state.pending.push(pending)
  state.child?.send(pending.request, () => {}) // the end of the process tells of a message that does not arrive
  watch(state)
}

function settleFirst(state: State, result: PlanResult): void {
  const first = state.pending.shift()
  if (first?.request === state.supergraph) {
    const startMs = performance.now() - state.startedAt
    state.idleMs = Math.min(MAX_IDLE_MS, Math.max(MIN_IDLE_MS, IDLE_STARTS * startMs))
  }
  first?.resolve(result)
  watch(state)
}

/** The request that the process was working on is what it died of; the others are sent to a new process. */
function recover(state: State, output: string): void {
  const [first, ...others] = state.pending
  state.child = undefined
  state.pending = []
  clearTimeout(state.timer)
  if (first?.request === state.supergraph) {
    for (const { reject } of [first, ...others]) reject(new PlannerCrashed('supergraph', output))
    return
  }
  first?.reject(new PlannerCrashed('plan', output))
  if (others.length > 0) restart(state)
  for (const other of others) sendPending(state, other)
}

/** Kills the process when it works too long on one request, or has been idle too long. */
function watch(state: State): void {
  clearTimeout(state.timer)
  const { child, idleMs, pending, supergraph } = state
  const [first] = pending
  const hold = first ? 'ref' : 'unref' // only while a request is pending does it keep the gateway's process from exiting
  child?.[hold]()
  child?.channel?.[hold]()
  const ms = !first ? idleMs : first.request === supergraph ? MAX_START_MS : MAX_PLAN_MS
  state.timer = child && setTimeout(() => state.child?.kill('SIGKILL'), ms).unref()
}
