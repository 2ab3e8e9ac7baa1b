import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { createRedisBuckets } from '#gateway/safety/rate-limit/buckets.redis.ts'
import { bucketsContract } from '#test/gateway/safety/rate-limit/buckets.contract.ts'
import { describeCache } from '#test/platform/cache/cache.contract.ts'
import { openCacheFixture } from '#test/platform/cache/cache-fixture.ts'
import { missingReason, type RunningEngine } from '#testbed/engines/engine.ts'
import { redis } from '#testbed/engines/redis.ts'

const missing = missingReason(redis)
const found = redis.find()

describe.skipIf(missing)(missing ? `on Redis (skipped: ${missing})` : `on ${found?.version}`, () => {
  let server: RunningEngine
  beforeAll(async () => {
    if (found) server = await found.start()
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  describeCache('a cache keeps its contract: it', maxBytes => openCacheFixture(server.url, maxBytes))

  describe('rate limits', () =>
    bucketsContract(async policy => {
      const buckets = createRedisBuckets({ policy, urls: server.url.split(',') })
      const probe = () => Promise.resolve(buckets.take('probe', 0)).then(() => 'up', String)
      await expect.poll(probe, { timeout: 5_000 }).toBe('up')
      const own = randomUUID()
      return { ...buckets, take: (key, cost) => buckets.take(own + key, cost) }
    }))
})
