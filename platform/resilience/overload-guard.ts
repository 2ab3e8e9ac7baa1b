// Lets through as many requests as are served well, has a few more wait for a moment, and refuses the rest at once.
import { CallerError } from '#platform/domain/errors.ts'
import {
  type ConcurrencyLimit,
  createConcurrencyLimit,
  type LimitBounds,
} from '#platform/resilience/concurrency-limit.ts'
import { counter, gauge } from '#platform/telemetry/metrics.ts'

/** Each kind has a limit of its own, so that a flood of one does not keep out the other. */
export type WorkKind = 'query' | 'mutation'

type Work<T> = {
  readonly run: () => Promise<T>
  /** Returns whether the result is what the caller wanted, and not a failure. */
  readonly isServed: (result: T) => boolean
  /** Returns true once nobody waits for the result any more: work that still waits is then dropped. */
  readonly isAbandoned?: () => boolean
}

export type OverloadGuard = {
  /**
   * Returns the result of the work. Throws CallerError UNAVAILABLE before it begins when too many others run and wait
   * (`details.reason`: OVERLOADED), with the whole seconds after which to try again in `details.retryAfterSeconds`.
   */
  run<T>(kind: WorkKind, work: Work<T>): Promise<T>
}

const BOUNDS: LimitBounds = { floor: 24, initial: 48, ceiling: 512 }
/** Nothing waits longer. A queue that lasts longer is no burst. */
const BURST_MS = 500
const MOST_WAITING_IN_BURST = 1000
/** As many may wait in a queue that lasts as start within this time: enough to have one ready whenever one ends. */
const LASTING_QUEUE_MS = 200
/** A queue that is empty for a shorter time goes on. */
const QUEUE_GAP_MS = 1000
const RETRY_AFTER_SECONDS = { least: 1, most: 4 }

type Waiter = { start(): void; refuse(): void; readonly isAbandoned: () => boolean }
type Gate = {
  readonly limit: ConcurrencyLimit
  readonly now: () => number
  readonly waiting: Set<Waiter>
  /** When the queue began, and when it was last joined. */
  queue: { readonly since: number; readonly joinedAt: number }
  /** Makes the error for work that is refused, and counts it. */
  readonly refuse: () => CallerError
  readonly show: (limit: number) => void
  running: number
}

/** Sums up the work of `service`. `now` is a clock in milliseconds that never goes back. */
export function createOverloadGuard(
  service: string,
  { now = () => performance.now(), bounds = BOUNDS }: { now?: () => number; bounds?: LimitBounds } = {},
): OverloadGuard {
  const open = (kind: WorkKind) => openGate(service, kind, { now, bounds })
  const gates = { query: open('query'), mutation: open('mutation') }
  return { run: (kind, work) => pass(gates[kind], work) }
}

function openGate(
  service: string,
  kind: WorkKind,
  { now, bounds }: { readonly now: () => number; readonly bounds: LimitBounds },
): Gate {
  const labels = { service, kind }
  const limits = gauge('waybill_concurrency_limit', 'Requests that may run at once, as learned', [
    'service',
    'kind',
  ])
  const refused = counter('waybill_overload_refused_total', 'Requests refused because too many ran', [
    'service',
    'kind',
  ])
  limits.set(labels, bounds.initial)
  return {
    limit: createConcurrencyLimit(bounds, now()),
    now,
    waiting: new Set(),
    queue: { since: Number.NEGATIVE_INFINITY, joinedAt: Number.NEGATIVE_INFINITY },
    refuse() {
      refused.inc(labels)
      return refusal(service)
    },
    show: limit => limits.set(labels, limit),
    running: 0,
  }
}

async function pass<T>(gate: Gate, { run, isServed, isAbandoned = () => false }: Work<T>): Promise<T> {
  if (gate.running >= gate.limit.current()) await waitForRoom(gate, isAbandoned)
  else gate.running += 1
  const startedAt = gate.now()
  gate.limit.started(startedAt)
  const result = { startedAt, isServed: false }
  try {
    const got = await run()
    result.isServed = isServed(got)
    return got
  } finally {
    gate.limit.ended(gate.now(), result)
    gate.running -= 1
    admit(gate)
  }
}

/** Resolves once there is room, which is the caller's then. */
function waitForRoom(gate: Gate, isAbandoned: () => boolean): Promise<void> {
  const { limit, waiting, refuse } = gate
  limit.reached()
  if (waiting.size >= mostWaiting(gate)) return Promise.reject(refuse())
  return new Promise((resolve, reject) => {
    const leave = () => {
      clearTimeout(timer)
      waiting.delete(waiter)
    }
    const waiter: Waiter = {
      isAbandoned,
      start() {
        leave()
        gate.running += 1
        resolve()
      },
      refuse() {
        leave()
        reject(refuse())
      },
    }
    const timer = setTimeout(waiter.refuse, BURST_MS)
    waiting.add(waiter)
  })
}

function mostWaiting(gate: Gate): number {
  const { limit, queue } = gate
  const now = gate.now()
  const since = now - queue.joinedAt < QUEUE_GAP_MS ? queue.since : now
  gate.queue = { since, joinedAt: now }
  if (now - since < BURST_MS) return MOST_WAITING_IN_BURST
  return (limit.current() * LASTING_QUEUE_MS) / limit.latency()
}

/** Starts those that have waited longest, as far as there is room. */
function admit(gate: Gate): void {
  const { limit, waiting, show } = gate
  const most = limit.current()
  show(most)
  for (const waiter of waiting) {
    if (gate.running >= most) return
    if (waiter.isAbandoned()) waiter.refuse()
    else waiter.start()
  }
}

function refusal(service: string): CallerError {
  const { least, most } = RETRY_AFTER_SECONDS
  const retryAfterSeconds = least + Math.floor(Math.random() * (most - least + 1))
  return new CallerError(
    'UNAVAILABLE',
    `${service} has too much to do at the moment: send it again in ${retryAfterSeconds} s, a command with the same key`,
    { reason: 'OVERLOADED', retryAfterSeconds },
  )
}
