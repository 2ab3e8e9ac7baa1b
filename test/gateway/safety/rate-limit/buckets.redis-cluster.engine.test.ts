import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRedisBuckets } from '#gateway/safety/rate-limit/buckets.redis.ts'
import type { Buckets } from '#gateway/safety/rate-limit/buckets.ts'
import { missingRedisReason, type RedisCluster, startRedisCluster } from '#testbed/engines/redis.ts'
import { bucketsContract, isUp, withOwnKeys } from './buckets.contract.ts'

const missing = missingRedisReason() // a cluster is started here, whatever REDIS_URL names
const SOON = { timeout: 30_000, interval: 50 }

describe.skipIf(missing)(`buckets on a cluster of Redis${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startRedisCluster()
  })
  afterAll(() => cluster?.[Symbol.asyncDispose]())

  const open = (policy: { capacity: number; perSecond: number }) =>
    createRedisBuckets({ policy, urls: cluster.url.split(',') })

  async function connected(policy: { capacity: number; perSecond: number }): Promise<Buckets> {
    const buckets = open(policy)
    await expect.poll(() => isUp(buckets), SOON).toBe('up')
    return withOwnKeys(buckets)
  }

  describe('of one process', () => bucketsContract(connected))

  test('are shared by processes, whichever node holds them', async () => {
    const policy = { capacity: 4, perSecond: 0.001 }
    await using one = open(policy)
    await using other = open(policy)
    for (const buckets of [one, other]) await expect.poll(() => isUp(buckets), SOON).toBe('up')
    for (let index = 0; index < 30; index++) {
      await one.take(`client ${index}`, 3)
      expect(await other.take(`client ${index}`, 3)).toMatchObject({ allowed: false })
    }
  })

  test('are available again when a replica has replaced a killed master', async () => {
    await using buckets = open({ capacity: 4, perSecond: 0.001 })
    const all = async () =>
      Promise.all(Array.from({ length: 30 }, (_, index) => isUp(buckets, `client ${index}`)))
    await expect.poll(all, SOON).toEqual(Array(30).fill('up'))
    await cluster.nodes[0]?.kill()
    expect(await all()).not.toEqual(Array(30).fill('up'))
    await expect.poll(all, SOON).toEqual(Array(30).fill('up'))
  })
})
