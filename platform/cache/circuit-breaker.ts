// Keeps the delay of a slow or absent tier 2 off requests: time limits, a breaker, probing. Free of what is asked of it.
import { setTimeout as delay } from 'node:timers/promises'
import type { CacheMetrics } from '#platform/cache/metrics.ts'
import { RefusedByStore, type RemoteTier } from '#platform/cache/remote-store.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type Guard = AsyncDisposable & {
  /** Undefined when it failed, was refused, took longer than `patienceMs`, or was not tried: tier 2 is away. */
  ask<T>(work: (tier: RemoteTier) => Promise<T>, patienceMs?: number): Promise<Answer<T> | undefined>
  /** Resolves once tier 2 was tried for the first time, up or not. */
  readonly tried: Promise<void>
  state(): 'up' | 'away'
}

export type Answer<T> = { readonly value: T }

/** The most that an operation is waited for. */
export const PATIENCE_MS = 50
/** In a row. */
const FAILURES_ALLOWED = 3
const CONNECT_PATIENCE_MS = 1_000
const PROBE_MS = 200
const MAX_PROBE_MS = 2_000

class TooLate extends Error {
  override readonly name = 'TooLate'
}

export function createGuard(options: {
  readonly open: (onLost: () => void) => RemoteTier
  readonly metrics: CacheMetrics
  readonly logger: Logger
}): Guard {
  const { metrics, logger } = options
  const tier = options.open(() => leave(new Error('the connection was lost')))
  const closing = new AbortController()
  let up = false
  let failures = 0
  /** Failures of an earlier connection say nothing of this one. */
  let connection = 0

  async function connect(): Promise<void> {
    await within(CONNECT_PATIENCE_MS, tier.connect())
    if (closing.signal.aborted) return tier.disconnect()
    up = true
    failures = 0
    connection += 1
    metrics.remoteUp.set(1)
    logger.info('tier 2 of the cache is in use')
  }

  function leave(error: unknown): void {
    if (!up) return
    up = false
    metrics.remoteUp.set(0)
    tier.disconnect()
    if (closing.signal.aborted) return
    logger.warn(
      { err: error },
      'tier 2 of the cache (Redis, CACHE_URL) is away; it is left alone until it answers again',
    )
    void probe(PROBE_MS)
  }

  async function probe(firstPauseMs: number): Promise<void> {
    for (
      let pause = firstPauseMs;
      !up && !closing.signal.aborted;
      pause = Math.min(2 * pause, MAX_PROBE_MS)
    ) {
      await delay(pause * (1 + Math.random() / 4), undefined, { signal: closing.signal, ref: false }).catch(
        () => {},
      )
      if (!closing.signal.aborted) await connect().catch(() => tier.disconnect())
    }
  }

  async function begin(): Promise<void> {
    metrics.remoteUp.set(0)
    try {
      await connect()
    } catch (error) {
      tier.disconnect()
      logger.warn(
        { err: error },
        'tier 2 of the cache (Redis, CACHE_URL) is away; it is tried again and again',
      )
      void probe(PROBE_MS)
    }
  }

  function failed(error: unknown, askedOn: number): void {
    const refused = error instanceof RefusedByStore
    metrics.remoteError(refused ? 'refused' : error instanceof TooLate ? 'late' : 'lost')
    if (refused || askedOn !== connection) return
    failures += 1
    if (failures >= FAILURES_ALLOWED) leave(error)
  }

  return {
    async ask(work, patienceMs = PATIENCE_MS) {
      if (!up) return undefined
      const askedOn = connection
      try {
        const value = await within(patienceMs, work(tier))
        failures = 0
        return { value }
      } catch (error) {
        failed(error, askedOn)
        return undefined
      }
    },
    tried: begin(),
    state: () => (up ? 'up' : 'away'),
    async [Symbol.asyncDispose]() {
      closing.abort()
      tier.disconnect()
      up = false
    },
  }
}

/**
 * Throws TooLate after `ms`. A process that was busy for longer looks for the answer first: it may be there, unread.
 */
function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new TooLate(`no answer within ${ms} ms`))
    const timer = setTimeout(() => setImmediate(late), ms)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
