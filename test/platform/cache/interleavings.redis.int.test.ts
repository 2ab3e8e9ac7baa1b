import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { playRuns } from '#test/platform/cache/simulation.ts'
import { missingRedisReason, type RedisProcess, startRedis } from '#testbed/engines/redis.ts'

const missing = missingRedisReason()

describe.skipIf(missing)(`two processes with one Redis${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let redis: RedisProcess
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis[Symbol.asyncDispose]())

  test('serve no value without a change that they received, in any order of their steps', async () => {
    expect(await playRuns(60, redis.url)).toEqual(['load', 'memory', 'remote', 'stale'])
  })
})
