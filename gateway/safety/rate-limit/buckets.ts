// The port that keeps a token bucket for each key. Adapters: buckets.memory.ts, buckets.redis.ts.
import type { BucketPolicy, TakeResult } from '#gateway/safety/rate-limit/token-bucket.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

/** Buckets of one policy. A bucket that is not used until it is full again may be forgotten. */
export type Buckets = AsyncDisposable & {
  /** Takes tokens atomically: concurrent takes never get the same token. Rejects when the buckets cannot be reached. */
  take(key: string, cost: number): Promise<TakeResult> | TakeResult
}

export type OpenBuckets = {
  readonly policy: BucketPolicy
  /** `performance.now` when left out. */
  readonly now?: () => number
}

/** How long one take may wait for shared buckets, and how long they are not tried after a failure. */
const TAKE_TIMEOUT_MS = 50
const RETRY_AFTER_MS = 1000

/**
 * Takes from `shared` while it responds in time, else from `own`: then the limit still holds within each process, and no
 * request waits for long.
 */
export function withFallback(
  shared: Buckets,
  own: Buckets,
  { logger, now = () => performance.now() }: { readonly logger: Logger; readonly now?: () => number },
): Buckets {
  let nextTryAt = Number.NEGATIVE_INFINITY
  let isAway = false

  function failed(error: unknown): void {
    nextTryAt = now() + RETRY_AFTER_MS
    if (isAway) return
    isAway = true
    logger.warn(
      { err: error },
      'shared rate limits (Redis, CACHE_URL) are unreachable, each process limits on its own until they are back',
    )
  }

  async function takeShared(key: string, cost: number): Promise<TakeResult> {
    try {
      const taken = await within(TAKE_TIMEOUT_MS, Promise.resolve(shared.take(key, cost)))
      if (isAway) logger.info('shared rate limits are reachable again')
      isAway = false
      return taken
    } catch (error) {
      failed(error)
      return own.take(key, cost)
    }
  }

  return {
    take: (key, cost) => (now() < nextTryAt ? own.take(key, cost) : takeShared(key, cost)),
    async [Symbol.asyncDispose]() {
      await shared[Symbol.asyncDispose]()
      await own[Symbol.asyncDispose]()
    },
  }
}

/** After a busy event loop the response may have arrived unread, so it is looked for before the timeout counts. */
function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`no answer within ${ms} ms`))
    const timer = setTimeout(() => setImmediate(late), ms)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
