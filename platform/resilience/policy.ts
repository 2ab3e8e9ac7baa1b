// The policy of calls to one dependency: bulkhead, retries with jitter, circuit breaker and time limit.
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
  /** The time limit of one attempt, not counting the time in which the event loop of this process stood still. */
  readonly timeoutMs: number
  /** Attempts after the first, for idempotent calls. */
  readonly retries: number
  /** When true, the default, an attempt that timed out is retried. */
  readonly retriesTimeouts?: boolean
  /** Calls under way at once, and how many more may wait. */
  readonly concurrency: number
  readonly queue: number
  readonly breaker?: BreakerOptions
  /**
   * Returns what replaces the options above now. Called before each call: one object stands for one state. Calls under way
   * keep their options; a breaker whose options change starts again, closed.
   */
  readonly adjusted?: () => Adjustment | undefined
}

/** Options that may change while calls are under way. What is undefined is as in the policy's own options. */
export type Adjustment = {
  readonly timeoutMs?: number | undefined
  readonly breaker?:
    | { readonly [Option in keyof BreakerOptions]: BreakerOptions[Option] | undefined }
    | undefined
}

export type BreakerOptions = {
  /** The share of failed calls within the window, 0 to 1, that opens the circuit; 0.5 by default. */
  readonly threshold?: number
  /** 10 s by default. */
  readonly windowMs?: number
  /** Fewer calls a second than this never open the circuit; 1 by default. */
  readonly minimumPerSecond?: number
  /** How long the circuit stays open before one call may try it; 2 s by default. */
  readonly halfOpenAfterMs?: number
}

export type CircuitState = 'closed' | 'open' | 'half-open'

export type Policy = {
  readonly name: string
  /**
   * Runs `work`, and retries it after a fault or a time-out, with full jitter, if it is `idempotent` and while retries are few
   * beside calls. It is no fault when `work` throws a CallerError other than UNAVAILABLE, when the dependency refuses because
   * it has too much to do, or when this process was too busy to read the response in time. A time-out while the dependency
   * answered other calls is retried, but does not open the circuit. Throws CallerError UNAVAILABLE (`details.reason`:
   * TIMED_OUT, CIRCUIT_OPEN, OVERLOADED) for its own refusals, and otherwise what `work` threw.
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

/**
 * A time-out in which this process was too busy to read the response says nothing about the dependency. One that answers
 * others, or refuses because it has too much to do, works.
 */
const isFault = (error: unknown): boolean => {
  if (error instanceof TimeLimitExceeded) return !error.starved && !error.answersOthers
  if (!(error instanceof CallerError)) return true
  return error.code === 'UNAVAILABLE' && error.details.reason !== 'OVERLOADED'
}

/** A call that was refused was never sent: retrying it at once would only lengthen the queue. */
const isWorthRetrying = (error: unknown): boolean => {
  if (error instanceof TimeLimitExceeded) return !error.starved
  return isFault(error) && !isBrokenCircuitError(error) && !(error instanceof BulkheadRejectedError)
}

export function createPolicy(options: PolicyOptions): Policy {
  const { name, adjusted } = options
  const limit = bulkhead(options.concurrency, options.queue)
  const rejected = counter('waybill_dependency_rejected_total', 'Calls that a policy refused or cut off', [
    'dependency',
    'reason',
  ])
  const shared = { limit, budget: createRetryBudget() }
  const limitTime = createTimeLimit()
  let adjustment: Adjustment | undefined
  let chain = createChain(options, shared)

  function current(): Chain {
    const wanted = adjusted?.()
    if (wanted === adjustment) return chain
    adjustment = wanted
    chain = createChain(adjust(options, wanted), shared, chain)
    return chain
  }

  return {
    name,
    health: () => HEALTH[current().breaker.state],
    async run(work, { idempotent }) {
      const { once, retrying, options: now } = current()
      const attempt = () => limitTime(work, now.timeoutMs)
      shared.budget.earn()
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

/** Returns `withTimeLimit` that says of a call which timed out whether others were answered since it began. */
function createTimeLimit(): typeof withTimeLimit {
  let answeredAt = Number.NEGATIVE_INFINITY
  return async (work, timeoutMs) => {
    const begunAt = performance.now()
    try {
      const answer = await withTimeLimit(work, timeoutMs)
      answeredAt = performance.now()
      return answer
    } catch (error) {
      if (!(error instanceof TimeLimitExceeded) || answeredAt < begunAt) throw error
      throw new TimeLimitExceeded(timeoutMs, error.starved, true)
    }
  }
}

/** The policies that calls pass, for one set of options. */
type Chain = {
  readonly options: PolicyOptions
  readonly breaker: CircuitBreakerPolicy
  readonly once: IPolicy
  readonly retrying: IPolicy
}

/** The parts of a policy that adjusted options leave alone. */
type SharedParts = { readonly limit: BulkheadPolicy; readonly budget: RetryBudget }

/** Keeps the breaker of the chain before when its options are the same. */
function createChain(options: PolicyOptions, { limit, budget }: SharedParts, before?: Chain): Chain {
  const breaker =
    before && isDeepStrictEqual(before.options.breaker, options.breaker)
      ? before.breaker
      : createBreaker(options)
  const once = wrap(limit, breaker)
  const retrying = options.retries > 0 ? wrap(limit, createRetry(options, budget), breaker) : once
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

/** Retries may add this share to the calls in the long run, and so many at once. */
const RETRY_SHARE = 0.2
const MOST_RETRIES = 20

/** Keeps retries from multiplying the calls to a dependency that cannot answer those that it gets. */
type RetryBudget = { earn(): void; isLeft(): boolean; spend(): void }

function createRetryBudget(): RetryBudget {
  let left = MOST_RETRIES
  return {
    earn() {
      left = Math.min(MOST_RETRIES, left + RETRY_SHARE)
    },
    isLeft: () => left >= 1,
    spend() {
      left -= 1
    },
  }
}

function createRetry({ retries, retriesTimeouts = true }: PolicyOptions, budget: RetryBudget) {
  const backoff = new ExponentialBackoff({
    generator: fullJitterGenerator,
    initialDelay: 50,
    maxDelay: 2000,
  })
  const isHandled = retriesTimeouts
    ? isWorthRetrying
    : (error: unknown) => isWorthRetrying(error) && !(error instanceof TimeLimitExceeded)
  const made = retry(
    handleWhen(error => isHandled(error) && budget.isLeft()),
    { maxAttempts: retries, backoff },
  )
  made.onRetry(() => budget.spend()) // not at the last attempt, for which the handler is asked, too
  return made
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
