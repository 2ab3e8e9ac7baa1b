// Keeps the delay of a slow or absent remote store off requests: time limits, a circuit breaker, and probes until it is back.
import type { CacheMetrics } from '#platform/cache/metrics.ts'
import { pauseUnlessAborted } from '#platform/resilience/backoff.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

/** A byte store that processes share. It may lose anything at any time, and every operation may fail. */
export type RemoteStore = {
  /** Replaces the connection with a new one. Resolves once operations are answered. */
  connect(): Promise<void>
  /** Closes the connection at once; operations under way fail. */
  disconnect(): void
  get(key: string): Promise<Uint8Array | undefined>
  set(key: string, bytes: Uint8Array, ttlMs: number): Promise<void>
  /** Returns whether the caller now holds the claim to `key`, which it holds until it is released or `ttlMs` are over. */
  claim(key: string, token: string, ttlMs: number): Promise<boolean>
  /** Releases the claim if `token` still holds it. */
  releaseClaim(key: string, token: string): Promise<void>
}

/** Thrown when the store answered and refused the operation, because it is full, for example. */
export class StoreRefusal extends Error {
  override readonly name = 'StoreRefusal'
}

export type CircuitBreaker = AsyncDisposable & {
  /**
   * Returns undefined when the operation failed, was refused, took longer than `timeoutMs`, or was not tried because the
   * circuit is open.
   */
  run<T>(
    operation: (store: RemoteStore) => Promise<T>,
    timeoutMs?: number,
  ): Promise<{ readonly value: T } | undefined>
  /** Resolves after the first attempt to connect, whether it succeeded or not. */
  readonly firstAttempt: Promise<void>
  state(): 'up' | 'away'
}

/** The longest that a request waits for one operation. */
export const OPERATION_TIMEOUT_MS = 50
/** Failures in a row that open the circuit. */
const MAX_FAILURES = 3
const CONNECT_TIMEOUT_MS = 1_000
const FIRST_PROBE_MS = 200
const LONGEST_PROBE_MS = 2_000

class OperationTimeout extends Error {
  override readonly name = 'OperationTimeout'
}

type BreakerOptions = {
  readonly open: (onLost: () => void) => RemoteStore
  readonly metrics: CacheMetrics
  readonly logger: Logger
}

type Self = Pick<BreakerOptions, 'metrics' | 'logger'> & {
  readonly store: RemoteStore
  readonly closing: AbortController
  isUp: boolean
  failures: number
  /** Counts connections: a failure on an earlier one says nothing about this one. */
  connection: number
}

export function createCircuitBreaker({ open, metrics, logger }: BreakerOptions): CircuitBreaker {
  const store = open(() => openCircuit(self, new Error('the connection was lost')))
  const closing = new AbortController()
  const self: Self = { store, metrics, logger, closing, isUp: false, failures: 0, connection: 0 }
  return {
    run: (operation, timeoutMs = OPERATION_TIMEOUT_MS) => run(self, operation, timeoutMs),
    firstAttempt: connectFirst(self),
    state: () => (self.isUp ? 'up' : 'away'),
    async [Symbol.asyncDispose]() {
      closing.abort()
      store.disconnect()
      self.isUp = false
    },
  }
}

async function run<T>(self: Self, operation: (store: RemoteStore) => Promise<T>, timeoutMs: number) {
  if (!self.isUp) return undefined
  const { connection } = self
  try {
    const value = await within(timeoutMs, operation(self.store))
    self.failures = 0
    return { value }
  } catch (error) {
    countFailure(self, error, connection)
    return undefined
  }
}

function countFailure(self: Self, error: unknown, connection: number): void {
  const isRefusal = error instanceof StoreRefusal
  self.metrics.remoteError(isRefusal ? 'refused' : error instanceof OperationTimeout ? 'late' : 'lost')
  if (isRefusal || connection !== self.connection) return
  self.failures += 1
  if (self.failures >= MAX_FAILURES) openCircuit(self, error)
}

async function connectFirst(self: Self): Promise<void> {
  self.metrics.remoteUp.set(0)
  try {
    await connect(self)
  } catch (error) {
    self.store.disconnect()
    self.logger.warn(
      { err: error },
      'tier 2 of the cache (Redis, CACHE_URL) is away, retrying until it answers',
    )
    void probe(self)
  }
}

async function connect(self: Self): Promise<void> {
  const { store, metrics, logger, closing } = self
  await within(CONNECT_TIMEOUT_MS, store.connect())
  if (closing.signal.aborted) return store.disconnect()
  self.isUp = true
  self.failures = 0
  self.connection += 1
  metrics.remoteUp.set(1)
  logger.info('tier 2 of the cache is in use')
}

function openCircuit(self: Self, error: unknown): void {
  if (!self.isUp) return
  const { store, metrics, logger, closing } = self
  self.isUp = false
  metrics.remoteUp.set(0)
  store.disconnect()
  if (closing.signal.aborted) return
  logger.warn(
    { err: error },
    'tier 2 of the cache (Redis, CACHE_URL) is away, going on without it until it answers again',
  )
  void probe(self)
}

/** Tries to connect until it succeeds, with pauses that double up to two seconds. */
async function probe(self: Self): Promise<void> {
  const { store, closing } = self
  let pause = FIRST_PROBE_MS
  while (!self.isUp && !closing.signal.aborted) {
    await pauseUnlessAborted(pause * (1 + Math.random() / 4), closing.signal)
    if (!closing.signal.aborted) await connect(self).catch(() => store.disconnect())
    pause = Math.min(2 * pause, LONGEST_PROBE_MS)
  }
}

/**
 * Throws OperationTimeout after `ms`. The immediate lets a process that was busy for that long read a response that has
 * already arrived.
 */
function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const expire = () => reject(new OperationTimeout(`no response within ${ms} ms`))
    const timer = setTimeout(() => setImmediate(expire), ms)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
