import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PAST_ITS_TIME, play, steps } from '#test/platform/cache/simulation.ts'
import { missingRedisReason, type RedisProcess, startRedis } from '#testbed/engines/redis.ts'

const missing = missingRedisReason()

describe.skipIf(missing)(`two processes with one Redis${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let redis: RedisProcess
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis[Symbol.asyncDispose]())

  test('serve no value without a change that they received, in any order of their steps', async () => {
    const sources: Record<string, number> = {}
    await fc.assert(
      fc.asyncProperty(steps, async taken => {
        const played = await play(taken, redis.url)
        for (const [source, count] of Object.entries(played.sources))
          sources[source] = (sources[source] ?? 0) + count
        expect(played.faults).toEqual([])
      }),
      { numRuns: 60, examples: [[[...PAST_ITS_TIME]]] },
    )
    expect(Object.keys(sources).sort()).toEqual(['load', 'memory', 'remote', 'stale'])
  })
})
