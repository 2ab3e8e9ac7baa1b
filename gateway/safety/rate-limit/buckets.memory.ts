// Keeps token buckets in the memory of this process, bounded in number.
import { LRUCache } from 'lru-cache'
import type { Buckets, OpenBuckets } from '#gateway/safety/rate-limit/buckets.ts'
import { type Bucket, takeTokens } from '#gateway/safety/rate-limit/token-bucket.ts'

/** The least recently used key is dropped, and starts again with a full bucket. */
const MAX_KEYS = 100_000

export function createMemoryBuckets({ policy, now = () => performance.now() }: OpenBuckets): Buckets {
  const buckets = new LRUCache<string, Bucket>({ max: MAX_KEYS })
  return {
    take(key, cost) {
      const { bucket, taken } = takeTokens(policy, buckets.get(key), { cost, now: now() })
      buckets.set(key, bucket)
      return taken
    },
    async [Symbol.asyncDispose]() {
      buckets.clear()
    },
  }
}
