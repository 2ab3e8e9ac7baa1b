// Charges each client for the cost of its operations, and refuses a client that has nothing left.
import { LRUCache } from 'lru-cache'
import type { ExecutionError } from '#gateway/executor/execution.ts'
import type { Buckets } from '#gateway/safety/rate-limit/buckets.ts'
import { clientKey, type RateLimitedClient } from '#gateway/safety/rate-limit/client-key.ts'
import { type TakeResult, untilMs } from '#gateway/safety/rate-limit/token-bucket.ts'
import type { RateLimitSettings } from '#gateway/safety/settings.ts'

/** The outcome of a charge, as the client sees it. */
export type ChargeResult = {
  /** Why the operation is not run; undefined when it is. */
  readonly refusal: ExecutionError | undefined
  readonly headers: Readonly<Record<string, string>>
}

export type RateLimit = AsyncDisposable & {
  /** Charges `cost`, at least 1. */
  charge(client: RateLimitedClient, cost: number): Promise<ChargeResult> | ChargeResult
  /** Refuses a client that is known to have nothing left, before its operation is read. */
  refuse(client: RateLimitedClient): ChargeResult | undefined
}

export const MIN_COST = 1
/** The most clients that are remembered to have nothing left. */
const MAX_EXHAUSTED = 100_000

/**
 * The headers follow https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ (draft 10): `r` is what is
 * left, `t` the seconds until the bucket is full.
 */
export function createRateLimit({
  settings,
  buckets,
  now = () => performance.now(),
}: {
  readonly settings: RateLimitSettings
  readonly buckets: Buckets
  readonly now?: () => number
}): RateLimit {
  const { capacity, perSecond, header } = settings
  const policy = { 'ratelimit-policy': `"default";q=${capacity};w=${Math.ceil(capacity / perSecond)}` }
  const exhaustedUntil = new LRUCache<string, number>({ max: MAX_EXHAUSTED })

  function report(cost: number, taken: TakeResult): ChargeResult {
    const { allowed, remaining, retryAfterMs } = taken
    const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000))
    const full = Math.ceil(untilMs(settings, capacity - remaining) / 1000)
    const headers = { ...policy, ratelimit: `"default";r=${Math.floor(remaining)};t=${full}` }
    if (allowed) return { refusal: undefined, headers }
    return {
      refusal: {
        message: `The operation costs ${cost}, and ${Math.floor(remaining)} of ${capacity} are left: try again in ${seconds} s.`,
        extensions: { code: 'RATE_LIMITED', retryAfterSeconds: seconds },
      },
      headers: { ...headers, 'retry-after': String(seconds) },
    }
  }

  /** Trying again does not extend the time: nothing is taken until it is over. */
  function remember(key: string, { remaining }: TakeResult): void {
    if (remaining < MIN_COST) exhaustedUntil.set(key, now() + untilMs(settings, MIN_COST - remaining))
  }

  return {
    charge(client, cost) {
      const key = clientKey(client, header)
      const charged = Math.max(MIN_COST, Math.ceil(cost))
      const settle = (taken: TakeResult) => {
        remember(key, taken)
        return report(charged, taken)
      }
      const taking = buckets.take(key, charged)
      return taking instanceof Promise ? taking.then(settle) : settle(taking)
    },
    refuse(client) {
      const key = clientKey(client, header)
      const until = exhaustedUntil.get(key)
      if (until === undefined) return undefined
      const left = until - now()
      if (left > 0) return report(MIN_COST, { allowed: false, remaining: 0, retryAfterMs: left })
      exhaustedUntil.delete(key)
      return undefined
    },
    [Symbol.asyncDispose]: () => buckets[Symbol.asyncDispose](),
  }
}
