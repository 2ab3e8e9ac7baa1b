import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeCache } from '#test/platform/cache/cache.contract.ts'
import { LONG, never, openCacheFixture, sourceOf } from '#test/platform/cache/cache-fixture.ts'
import { playRuns } from '#test/platform/cache/simulation.ts'
import { missingRedisReason, type RedisCluster, startRedisCluster } from '#testbed/engines/redis.ts'

const missing = missingRedisReason() // a cluster is started here, whatever REDIS_URL names
const SOON = { timeout: 30_000, interval: 50 }

describe.skipIf(missing)(`a cache with a cluster of Redis${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startRedisCluster()
  })
  afterAll(() => cluster?.[Symbol.asyncDispose]())

  describeCache('keeps the contract of every cache: it', maxBytes => openCacheFixture(cluster.url, maxBytes))

  test('serves one process a value that another has loaded, from whichever node holds it', async () => {
    await using fixture = await openCacheFixture(cluster.url)
    const two = await fixture.another()
    const keys = Array.from({ length: 30 }, (_, index) => `k${index}`)
    for (const key of keys) await fixture.cache.get(key, sourceOf({ value: key }).load, LONG)
    for (const key of keys)
      await expect
        .poll(async () => (await two.get(key, async () => ({ value: key, keep: false }), LONG)).source, SOON)
        .toMatch(/remote|memory/)
    const held = await Promise.all(cluster.nodes.slice(0, 3).map(node => node.command('DBSIZE')))
    expect(held).not.toContain(':0\r\n')
  })

  test("serves no value without a received change, in any order of the processes' steps", async () => {
    await playRuns(15, cluster.url)
  })

  test('answers every get while a master is killed, and uses all slots again once its replica has taken over', async () => {
    await using fixture = await openCacheFixture(cluster.url)
    const { cache } = fixture
    for (let index = 0; index < 30; index++)
      await cache.get(`k${index}`, sourceOf({ value: index }).load, LONG)
    await cluster.nodes[0]?.kill()
    let slowest = 0
    const other = await fixture.another()
    /** Of 30 keys over all slots, those that the other process has out of tier 2. */
    const shared = async () => {
      let count = 0
      for (let index = 0; index < 30; index++) {
        const began = performance.now()
        cache.put(`after:${index}`, index, { ...LONG, at: {} })
        const loaded = async () => ({ value: index, keep: false })
        const { value, source } = await other.get(`after:${index}`, loaded, LONG)
        expect(value).toBe(index)
        slowest = Math.max(slowest, performance.now() - began)
        if (source !== 'load') count += 1
      }
      return count
    }
    await expect.poll(shared, SOON).toBe(30)
    expect(slowest).toBeLessThan(1_000)
    await cluster.nodes[0]?.restart()
    const newcomer = await fixture.another()
    expect((await newcomer.get('after:0', never, LONG)).source).toBe('remote')
  })
})
