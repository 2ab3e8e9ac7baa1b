import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Cache } from '#platform/cache/cache.ts'
import { describeCache } from '#test/platform/cache/cache.contract.ts'
import {
  type CacheFixture,
  LONG,
  never,
  openCacheFixture,
  pendingLoad,
  sourceOf,
} from '#test/platform/cache/cache-fixture.ts'
import { missingRedisReason, type RedisProcess, startRedis } from '#testbed/engines/redis.ts'

const missing = missingRedisReason()

describe.skipIf(missing)(`a cache with Redis${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let redis: RedisProcess
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis[Symbol.asyncDispose]())

  describeCache('keeps the contract of every cache: it', maxBytes => openCacheFixture(redis.url, maxBytes))

  describe('of two processes', () => {
    /** Once it is written, which nobody waits for. */
    async function shared(key: string): Promise<string> {
      const address = `waybill:{${fixture.name}:${key}}`
      await expect.poll(() => redis.command('EXISTS', address)).toBe(':1\r\n')
      return address
    }

    let fixture: CacheFixture
    let one: Cache
    let two: Cache
    beforeEach(async () => {
      fixture = await openCacheFixture(redis.url)
      one = fixture.cache
      two = await fixture.another()
    })
    afterEach(() => fixture[Symbol.asyncDispose]())

    test('serves one process a value that another has loaded, as fresh as it was there', async () => {
      await one.get('k', sourceOf({ value: 'shared' }).load, LONG)
      await shared('k')
      fixture.clock.advance(30_000)
      const { value, source, lease } = await two.get('k', never, LONG)
      expect({ value, source }).toEqual({ value: 'shared', source: 'remote' })
      expect(lease?.freshUntil).toBeLessThanOrEqual(fixture.clock.now() + 30_000)
      expect((await two.get('k', never, LONG)).source).toBe('memory')
    })

    test('serves "not there" and stale values of another process, and renews the stale one', async () => {
      await one.get('none', sourceOf({ value: undefined }).load, LONG)
      await one.get('k', sourceOf({ value: 'old' }).load, LONG)
      await shared('none')
      await shared('k')
      expect(await two.get('none', never, LONG)).toMatchObject({ value: undefined, source: 'remote' })
      fixture.clock.advance(60_001)
      const load = pendingLoad<string>()
      expect(await two.get('k', load.load, LONG)).toMatchObject({ value: 'old', source: 'stale' })
      await load.begun
      load.open({ value: 'new' })
      await expect.poll(async () => (await two.get('k', never, LONG)).value).toBe('new')
    })

    test('lets one process load a value that two request at once', async () => {
      const load = pendingLoad<string>()
      const first = one.get('k', load.load, LONG)
      await load.begun
      const second = two.get('k', never, LONG)
      load.open({ value: 'shared' })
      expect([(await first).source, (await second).source]).toEqual(['load', 'remote'])
    })

    test('does not wait without limit for another process to finish its load', async () => {
      const stuck = pendingLoad<string>()
      const first = one.get('k', stuck.load, LONG)
      await stuck.begun
      expect((await two.get('k', sourceOf({ value: 'own' }).load, LONG)).source).toBe('load')
      stuck.open({ value: 'late' })
      await first
    })

    test('lets another process load when a load fails', async () => {
      const failing = pendingLoad<string>()
      const first = one.get('k', failing.load, LONG)
      await failing.begun
      const second = two.get('k', sourceOf({ value: 'own' }).load, LONG)
      failing.fail(new Error('away'))
      await expect(first).rejects.toThrow('away')
      expect(await second).toMatchObject({ value: 'own', source: 'load' })
    })

    test('does not trust a value that another process loaded before a change that was received here', async () => {
      await one.get('k', sourceOf({ value: 'old' }).load, LONG)
      await shared('k')
      two.applyEvent('orders', 5, ['a'])
      expect(await two.get('k', sourceOf({ value: 'new' }).load, LONG)).toMatchObject({
        value: 'new',
        source: 'load',
      })
      expect((await one.get('k', never, LONG)).value).toBe('old') // it has received nothing
      one.applyEvent('orders', 5, ['a'])
      expect(await one.get('k', never, LONG)).toMatchObject({ value: 'new', source: 'remote' })
    })

    test('trusts no value from before it was active, unless that has provably not changed', async () => {
      one.applyEvent('orders', 5, ['b'])
      await one.get('k', sourceOf({ value: 'at 5' }).load, LONG)
      await shared('k')
      const [near, far] = [await fixture.another(), await fixture.another()]
      near.resume({ orders: 4 })
      far.resume({ orders: 6 })
      expect((await near.get('k', never, LONG)).source).toBe('remote')
      expect((await far.get('k', sourceOf({ value: 'at 6' }).load, LONG)).source).toBe('load')
    })

    test('fills neither tier with a load that began before a change', async () => {
      const load = pendingLoad<string>()
      const first = one.get('k', load.load, LONG)
      await load.begun
      one.applyEvent('orders', 5, ['a'])
      load.open({ value: 'old' })
      await first
      await one.get('next', sourceOf({ value: 1 }).load, LONG) // what is written later is there
      await shared('next')
      expect(await redis.command('EXISTS', `waybill:{${fixture.name}:k}`)).toBe(':0\r\n')
      expect((await two.get('k', sourceOf({ value: 'own' }).load, LONG)).source).toBe('load')
    })

    test('serves a caller of another process the positions that it requires', async () => {
      await one.get('k', sourceOf({ value: 'old' }).load, LONG)
      await shared('k')
      const required = { orders: 5 }
      const source = sourceOf({ value: 'new', at: required })
      expect((await two.get('k', source.load, { ...LONG, required })).value).toBe('new')
      one.invalidate(['a'], required)
      await expect
        .poll(async () => (await one.get('k', sourceOf({ value: 'lacks it' }).load, LONG)).value)
        .toBe('new')
    })

    test('shares a value that was put', async () => {
      one.put('k', 'put', { ...LONG, at: { orders: 1 } })
      await shared('k')
      expect((await two.get('k', never, LONG)).value).toBe('put')
    })

    test('treats an unreadable value as a miss, and overwrites it', async () => {
      const address = `waybill:{${fixture.name}:k}`
      for (const junk of ['', 'junk', '\u0001junk', '\u0002junk', '\u0003']) {
        await redis.command('SET', address, junk)
        const reader = await fixture.another()
        expect((await reader.get('k', sourceOf({ value: 1 }).load, LONG)).source, junk).toBe('load')
      }
      await redis.command('DEL', address)
      await redis.command('LPUSH', address, 'not even a string')
      expect((await one.get('k', sourceOf({ value: 1 }).load, LONG)).source).toBe('load')
      await redis.command('DEL', address)
      expect((await two.get('k', sourceOf({ value: 1 }).load, LONG)).source).toBe('load')
    })

    test('keeps keys of any length and any characters apart', async () => {
      const keys = ['}', '{', `${'x'.repeat(5_000)}1`, `${'x'.repeat(5_000)}2`, 'a\r\nb', '']
      for (const key of keys) await one.get(key, sourceOf({ value: key }).load, LONG)
      await one.get('last', sourceOf({ value: 1 }).load, LONG)
      await shared('last')
      await expect.poll(() => redis.command('EXISTS', `waybill:{${fixture.name}:}`)).toBe(':1\r\n')
      for (const key of keys)
        expect(await two.get(key, never, LONG)).toMatchObject({ value: key, source: 'remote' })
    })

    test('lets Redis expire each value when its time is over', async () => {
      await one.get('k', sourceOf({ value: 1 }).load, { ...LONG, staleMs: 1_000 })
      const left = await redis.command('PTTL', await shared('k'))
      expect(Number(left.slice(1))).toBeGreaterThan(50_000)
      expect(Number(left.slice(1))).toBeLessThanOrEqual(61_000)
    })
  })
})
