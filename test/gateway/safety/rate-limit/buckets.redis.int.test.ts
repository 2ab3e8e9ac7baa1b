import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createMemoryBuckets } from '#gateway/safety/rate-limit/buckets.memory.ts'
import { createRedisBuckets } from '#gateway/safety/rate-limit/buckets.redis.ts'
import { type Buckets, withFallback } from '#gateway/safety/rate-limit/buckets.ts'
import { recordingLogger } from '#test/platform/telemetry/recording-logger.ts'
import { missingRedisReason, type RedisProcess, startRedis } from '#testbed/engines/redis.ts'
import { bucketsContract, untilUp, withOwnKeys } from './buckets.contract.ts'

const missing = missingRedisReason()
if (missing) console.warn(`rate limits on Redis are not tested: ${missing}`)

describe.skipIf(missing)('buckets on Redis', () => {
  let redis: RedisProcess
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis?.[Symbol.asyncDispose]())

  /** Opens connected buckets; a take fails while they are not connected. */
  async function connected(policy: { capacity: number; perSecond: number }): Promise<Buckets> {
    const buckets = createRedisBuckets({ policy, urls: [redis.url] })
    await untilUp(buckets)
    return withOwnKeys(buckets)
  }

  describe('of one process', () => bucketsContract(connected))

  test('are shared by processes with the same policy, and expire once they are full', async () => {
    const policy = { capacity: 4, perSecond: 1 }
    await using one = createRedisBuckets({ policy, urls: [redis.url] })
    await using other = createRedisBuckets({ policy, urls: [redis.url] })
    for (const buckets of [one, other]) await untilUp(buckets)
    await redis.command('FLUSHALL')
    const slow = { capacity: 4, perSecond: 0.001 }
    await using first = createRedisBuckets({ policy: slow, urls: [redis.url] })
    await using second = createRedisBuckets({ policy: slow, urls: [redis.url] })
    for (const buckets of [first, second]) await untilUp(buckets)
    await first.take('ann', 3)
    expect(await second.take('ann', 3)).toMatchObject({ allowed: false })
    await one.take('ann', 4)
    expect(await redis.command('KEYS', '*limit:4:1:*')).toMatch(/^\*1/)
    await expect.poll(() => redis.command('KEYS', '*limit:4:1:*')).toMatch(/^\*0/)
  })

  test('store nothing that identifies a client', async () => {
    await using buckets = await connected({ capacity: 4, perSecond: 0.01 })
    await buckets.take('subject ann@clinic.example', 1)
    expect(await redis.command('KEYS', '*')).not.toContain('ann@clinic')
  })
})

describe.skipIf(missing)('when Redis is down', () => {
  test('each process limits by itself without waiting, and buckets are shared again once it is back', async () => {
    await using redis = await startRedis()
    const policy = { capacity: 100, perSecond: 0.001 }
    const { logger } = recordingLogger()
    const time = { now: 0 }
    const shared = createRedisBuckets({ policy, urls: [redis.url] })
    await using buckets = withFallback(shared, createMemoryBuckets({ policy }), {
      logger,
      now: () => time.now,
    })
    const left = async () => Math.round((await buckets.take('ann', 10)).remaining)
    await untilUp(shared)
    expect(await left()).toBe(90)
    redis.pause()
    expect(await left()).toBe(90) // a bucket of this process alone
    expect(await left()).toBe(80)
    redis.resume()
    await untilUp(shared)
    time.now = 2000
    expect(await left()).toBeLessThanOrEqual(80) // what was asked while it was paused may have been charged
    await redis.kill()
    time.now = 4000
    expect(await left()).toBe(70)
    await redis.restart()
    await untilUp(shared)
    time.now = 6000
    expect(await left()).toBe(90)
  })
})
