// Token buckets in this process alone. Bounded.
import { LRUCache } from 'lru-cache'
import type { Buckets, OpenBuckets } from '#gateway/safety/rate-limit/buckets.ts'
import { type Bucket, takeTokens } from '#gateway/safety/rate-limit/token-bucket.ts'

/** The key that was used least lately gives way, and begins anew with a full bucket. */
const MAX_KEYS = 100_000

export function createMemoryBuckets({ policy, now = () => performance.now() }: OpenBuckets): Buckets {
  const known = new LRUCache<string, Bucket>({ max: MAX_KEYS })
  return {
    take(key, cost) {
      const { bucket, taken } = takeTokens(policy, known.get(key), { cost, now: now() })
      known.set(key, bucket)
      return taken
    },
    async [Symbol.asyncDispose]() {
      known.clear()
    },
  }
}
