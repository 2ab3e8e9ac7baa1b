import { describe, expect, test } from 'vitest'
import { createMemoryBuckets } from '#gateway/safety/rate-limit/buckets.memory.ts'
import { type Buckets, withFallback } from '#gateway/safety/rate-limit/buckets.ts'
import { recordingLogger } from '#test/platform/telemetry/recording-logger.ts'
import { bucketsContract } from './buckets.contract.ts'

describe('buckets in memory', () => bucketsContract(async policy => createMemoryBuckets({ policy })))

describe('shared buckets with a fallback', () => {
  const policy = { capacity: 3, perSecond: 0.001 }

  function setUp(take: Buckets['take']) {
    let asked = 0
    const time = { now: 0 }
    const shared: Buckets = {
      take: (key, cost) => {
        asked += 1
        return take(key, cost)
      },
      [Symbol.asyncDispose]: async () => {},
    }
    const { logger } = recordingLogger()
    const buckets = withFallback(shared, createMemoryBuckets({ policy }), { logger, now: () => time.now })
    return { buckets, time, asked: () => asked }
  }

  test('are used while they respond', async () => {
    const { buckets } = setUp(async () => ({ allowed: true, remaining: 77, retryAfterMs: 0 }))
    expect(await buckets.take('ann', 1)).toMatchObject({ remaining: 77 })
  })

  test('are not used for a second after a failure, while each process limits by itself', async () => {
    const { buckets, time, asked } = setUp(async () => {
      throw new Error('away')
    })
    const taken = []
    for (let count = 0; count < 4; count++) taken.push(await buckets.take('ann', 1))
    expect(taken.map(({ allowed }) => allowed)).toEqual([true, true, true, false])
    expect(asked()).toBe(1)
    time.now = 1001
    await buckets.take('ann', 1)
    expect(asked()).toBe(2)
  })

  test('time out when they do not respond', async () => {
    const { buckets } = setUp(() => new Promise(() => {}))
    expect(await buckets.take('ann', 1)).toMatchObject({ allowed: true })
  })
})
