// A cache for tests under a clock that they turn, loads that are counted, and loads that wait to be let go.
import type { Cache, GetOptions, LoadResult } from '#platform/cache/cache.ts'
import { openCache } from '#platform/cache/open.ts'
import { recordingLogger } from '#test/platform/telemetry/recording-logger.ts'

export type Clock = { readonly now: () => number; advance(ms: number): void }

function createClock(): Clock {
  let time = 1_000_000
  return {
    now: () => time,
    advance(ms) {
      time += ms
    },
  }
}

export type CacheFixture = AsyncDisposable & {
  readonly cache: Cache
  readonly clock: Clock
  /** Another process with the same tier 2 and the same clock. Follows from the beginning, as `cache` does, or not yet. */
  another(follows?: boolean): Promise<Cache>
  /** Names the caches in tier 2 and in metrics. */
  readonly name: string
}

export async function openCacheFixture(url?: string, maxBytes?: number): Promise<CacheFixture> {
  const clock = createClock()
  const name = `cache-${crypto.randomUUID()}`
  const open = new AsyncDisposableStack()
  const { logger } = recordingLogger()
  const another = async (follows = true) => {
    const cache = open.use(
      await openCache({
        name,
        logger,
        now: clock.now,
        ...(url !== undefined && { url }),
        ...(maxBytes !== undefined && { maxBytes }),
      }),
    )
    if (follows) cache.resume({})
    return cache
  }
  return {
    cache: await another(),
    clock,
    another,
    name,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

export const LONG: GetOptions<unknown> = { ttlMs: 60_000, tags: { always: ['a'] } }

type Source<T> = {
  readonly load: () => Promise<LoadResult<T>>
  /** Loads that began. */
  count(): number
  set(loaded: LoadResult<T>): void
}

/** Gives what it was last set to, at once. */
export function sourceOf<T>(first: LoadResult<T>): Source<T> {
  let loaded = first
  let loads = 0
  return {
    load: async () => {
      loads += 1
      return loaded
    },
    count: () => loads,
    set(next) {
      loaded = next
    },
  }
}

type PendingLoad<T> = {
  readonly load: () => Promise<LoadResult<T>>
  /** Resolves when the load has begun. */
  readonly begun: Promise<void>
  open(loaded: LoadResult<T>): void
  fail(error: Error): void
}

/** A load that lasts until the test ends it. */
export function pendingLoad<T>(): PendingLoad<T> {
  const begun = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<LoadResult<T>>()
  return {
    load: () => {
      begun.resolve()
      return ended.promise
    },
    begun: begun.promise,
    open: ended.resolve,
    fail: ended.reject,
  }
}

export function never(): Promise<never> {
  throw new Error('nothing should be loaded')
}
