// One policy per outgoing dependency: bulkhead, retries, circuit breaker, timeout. Free of any protocol.
import { isDeepStrictEqual } from 'node:util'
import {
  CircuitState as BreakerState,
  type BulkheadPolicy,
  BulkheadRejectedError,
  bulkhead,
  type CircuitBreakerPolicy,
  circuitBreaker,
  ExponentialBackoff,
  fullJitterGenerator,
  handleWhen,
  type IPolicy,
  isBrokenCircuitError,
  retry,
  SamplingBreaker,
  wrap,
} from 'cockatiel'
import { CallerError } from '#platform/domain/errors.ts'
import { TimeLimitExceeded, withTimeLimit } from '#platform/resilience/time-limit.ts'
import { counter, gauge } from '#platform/telemetry/metrics.ts'

export type PolicyOptions = {
  /** The dependency's name, in metrics and messages. */
  readonly name: string
  /** For one attempt, not counting what the event loop of this process stood still meanwhile. */
  readonly timeoutMs: number
  /** Attempts after the first, for idempotent calls. */
  readonly retries: number
  /** Whether an attempt that ran out of time is made again; true when left out. */
  readonly retriesTimeouts?: boolean
  /** Calls under way at once, and how many more may wait. */
  readonly concurrency: number
  readonly queue: number
  readonly breaker?: BreakerOptions
  /**
   * What holds now in place of the above; the above when left out. Asked before each call: one object stands for one state.
   * Calls under way go on as they began; a breaker whose options change begins anew, closed.
   */
  readonly adjusted?: () => Adjustment | undefined
}

/** What may change while calls are under way. What is left out is as it was at first. */
export type Adjustment = {
  readonly timeoutMs?: number | undefined
  readonly breaker?:
    | { readonly [Option in keyof BreakerOptions]: BreakerOptions[Option] | undefined }
    | undefined
}

export type BreakerOptions = {
  /** The share of failed calls within the window, 0 to 1, that opens the circuit; 0.5 when left out. */
  readonly threshold?: number
  /** 10 s when left out. */
  readonly windowMs?: number
  /** Fewer calls a second than this never open the circuit; 1 when left out. */
  readonly minimumPerSecond?: number
  /** How long the circuit stays open before one call may try it; 2 s when left out. */
  readonly halfOpenAfterMs?: number
}

export type CircuitState = 'closed' | 'open' | 'half-open'

export type Policy = {
  readonly name: string
  /**
   * Runs `work`; again after a fault, with full jitter between attempts, only if it is `idempotent`. Faults are anything
   * but a CallerError other than UNAVAILABLE, and a time-out in which this process was too busy to listen. Throws CallerError UNAVAILABLE (`details.reason`: TIMED_OUT, CIRCUIT_OPEN,
   * OVERLOADED) for its own refusals; what `work` threw otherwise.
   */
  run<T>(work: (signal: AbortSignal) => Promise<T>, call: { readonly idempotent: boolean }): Promise<T>
  health(): CircuitState
}

const HEALTH: Readonly<Record<BreakerState, CircuitState>> = {
  [BreakerState.Closed]: 'closed',
  [BreakerState.Open]: 'open',
  [BreakerState.HalfOpen]: 'half-open',
  [BreakerState.Isolated]: 'open',
}
const GAUGE_VALUE: Readonly<Record<CircuitState, number>> = { closed: 0, 'half-open': 1, open: 2 }

/** A time-out of a process that was too busy to listen says nothing of the dependency. */
const isFault = (error: unknown): boolean => {
  if (error instanceof TimeLimitExceeded) return !error.starved
  return !(error instanceof CallerError) || error.code === 'UNAVAILABLE'
}

/** A queued or broken call never went out: trying again at once would only lengthen the queue. */
const isWorthRetrying = (error: unknown): boolean =>
  isFault(error) && !isBrokenCircuitError(error) && !(error instanceof BulkheadRejectedError)

export function createPolicy(options: PolicyOptions): Policy {
  const { name, adjusted } = options
  const limit = bulkhead(options.concurrency, options.queue)
  const rejected = counter('waybill_dependency_rejected_total', 'Calls that a policy refused or cut off', [
    'dependency',
    'reason',
  ])
  let adjustment: Adjustment | undefined
  let chain = createChain(options, limit)

  function current(): Chain {
    const wanted = adjusted?.()
    if (wanted === adjustment) return chain
    adjustment = wanted
    chain = createChain(adjust(options, wanted), limit, chain)
    return chain
  }

  return {
    name,
    health: () => HEALTH[current().breaker.state],
    async run(work, { idempotent }) {
      const { once, retrying, options: now } = current()
      const attempt = () => withTimeLimit(work, now.timeoutMs)
      try {
        return await (idempotent ? retrying : once).execute(attempt)
      } catch (error) {
        const reason = refusalReason(error)
        if (reason === undefined) throw error
        rejected.inc({ dependency: name, reason: isStarved(error) ? 'STARVED' : reason })
        throw unavailable(now, reason, error)
      }
    },
  }
}

/** What calls go through, by options that do not change. */
type Chain = {
  readonly options: PolicyOptions
  readonly breaker: CircuitBreakerPolicy
  readonly once: IPolicy
  readonly retrying: IPolicy
}

/** The breaker is that of the chain before where its options are the same. */
function createChain(options: PolicyOptions, limit: BulkheadPolicy, before?: Chain): Chain {
  const breaker =
    before && isDeepStrictEqual(before.options.breaker, options.breaker)
      ? before.breaker
      : createBreaker(options)
  const once = wrap(limit, breaker)
  const retrying = options.retries > 0 ? wrap(limit, createRetry(options), breaker) : once
  return { options, breaker, once, retrying }
}

function adjust(options: PolicyOptions, { timeoutMs, breaker }: Adjustment = {}): PolicyOptions {
  const changes = Object.entries(breaker ?? {}).filter(([, value]) => value !== undefined)
  return {
    ...options,
    timeoutMs: timeoutMs ?? options.timeoutMs,
    ...(changes.length > 0 && { breaker: { ...options.breaker, ...Object.fromEntries(changes) } }),
  }
}

function createRetry({ retries, retriesTimeouts = true }: PolicyOptions) {
  const backoff = new ExponentialBackoff({
    generator: fullJitterGenerator,
    initialDelay: 50,
    maxDelay: 2000,
  })
  const isHandled = retriesTimeouts
    ? isWorthRetrying
    : (error: unknown) => isWorthRetrying(error) && !(error instanceof TimeLimitExceeded)
  return retry(handleWhen(isHandled), { maxAttempts: retries, backoff })
}

function createBreaker({ name, breaker = {} }: PolicyOptions) {
  const { threshold = 0.5, windowMs = 10_000, minimumPerSecond = 1, halfOpenAfterMs = 2000 } = breaker
  const made = circuitBreaker(handleWhen(isFault), {
    halfOpenAfter: halfOpenAfterMs,
    breaker: new SamplingBreaker({ threshold, duration: windowMs, minimumRps: minimumPerSecond }),
  })
  const state = gauge('waybill_circuit_state', 'Circuit breakers: 0 closed, 1 half-open, 2 open', [
    'dependency',
  ])
  state.set({ dependency: name }, 0)
  made.onStateChange(next => state.set({ dependency: name }, GAUGE_VALUE[HEALTH[next]]))
  return made
}

type RefusalReason = 'TIMED_OUT' | 'CIRCUIT_OPEN' | 'OVERLOADED'

function refusalReason(error: unknown): RefusalReason | undefined {
  if (error instanceof TimeLimitExceeded) return 'TIMED_OUT'
  if (isBrokenCircuitError(error)) return 'CIRCUIT_OPEN'
  if (error instanceof BulkheadRejectedError) return 'OVERLOADED'
  return undefined
}

function isStarved(error: unknown): boolean {
  return error instanceof TimeLimitExceeded && error.starved
}

function unavailable({ name, timeoutMs }: PolicyOptions, reason: RefusalReason, cause: unknown): CallerError {
  const said: Readonly<Record<RefusalReason, string>> = {
    TIMED_OUT: `${name} did not answer within ${timeoutMs} ms`,
    CIRCUIT_OPEN: `${name} is failing and is left alone for a moment`,
    OVERLOADED: `too many calls to ${name} are under way`,
  }
  return new CallerError('UNAVAILABLE', said[reason], { reason }, cause)
}
