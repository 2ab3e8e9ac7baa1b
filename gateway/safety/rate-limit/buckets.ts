// The port of token buckets by key. Adapters: buckets.*.ts. Free of what the keys stand for.
import type { BucketPolicy, TakeResult } from '#gateway/safety/rate-limit/token-bucket.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

/** Of one policy. A bucket that nobody asks for long enough to be full may be forgotten. */
export type Buckets = AsyncDisposable & {
  /** Atomic: of takes at the same time no token is given twice. Rejects when the buckets are out of reach. */
  take(key: string, cost: number): Promise<TakeResult> | TakeResult
}

export type OpenBuckets = {
  readonly policy: BucketPolicy
  /** `performance.now` when left out. */
  readonly now?: () => number
}

/** How long one take may wait for shared buckets, and how long they are left alone after they failed. */
const PATIENCE_MS = 50
const LEFT_ALONE_MS = 1000

/**
 * Takes from `shared` while it answers in time, else from `own`, so that a limit holds for each process at least and no
 * request waits for long.
 */
export function withFallback(
  shared: Buckets,
  own: Buckets,
  { logger, now = () => performance.now() }: { readonly logger: Logger; readonly now?: () => number },
): Buckets {
  let triedAgainAt = Number.NEGATIVE_INFINITY
  let away = false

  function failed(error: unknown): void {
    triedAgainAt = now() + LEFT_ALONE_MS
    if (away) return
    away = true
    logger.warn(
      { err: error },
      'shared rate limits (Redis, CACHE_URL) are away; each process limits for itself until they are back',
    )
  }

  async function takeShared(key: string, cost: number): Promise<TakeResult> {
    try {
      const taken = await within(PATIENCE_MS, Promise.resolve(shared.take(key, cost)))
      if (away) logger.info('shared rate limits are in use')
      away = false
      return taken
    } catch (error) {
      failed(error)
      return own.take(key, cost)
    }
  }

  return {
    take: (key, cost) => (now() < triedAgainAt ? own.take(key, cost) : takeShared(key, cost)),
    async [Symbol.asyncDispose]() {
      await shared[Symbol.asyncDispose]()
      await own[Symbol.asyncDispose]()
    },
  }
}

/** A process that was busy for longer looks for the answer first: it may be there, unread. */
function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`no answer within ${ms} ms`))
    const timer = setTimeout(() => setImmediate(late), ms)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
