// The contract of the cache, with or without tier 2. A test file for each way to open one runs it.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Cache, GetOptions } from '#platform/cache/cache.ts'
import {
  type CacheFixture,
  type Clock,
  LONG,
  never,
  pendingLoad,
  sourceOf,
} from '#test/platform/cache/cache-fixture.ts'

export function describeCache(
  title: string,
  openCacheFixture: (maxBytes?: number) => Promise<CacheFixture>,
): void {
  describe(title, () => {
    let fixture: CacheFixture
    let cache: Cache
    let clock: Clock
    beforeEach(async () => {
      fixture = await openCacheFixture()
      cache = fixture.cache
      clock = fixture.clock
    })
    afterEach(() => fixture[Symbol.asyncDispose]())

    test('loads once for all concurrent callers, and not again', async () => {
      const load = pendingLoad<string>()
      const waiting = [cache.get('k', load.load, LONG), cache.get('k', never, LONG)]
      await load.begun
      load.open({ value: 'one' })
      expect((await Promise.all(waiting)).map(({ value }) => value)).toEqual(['one', 'one'])
      const { value, source, lease } = await cache.get('k', never, LONG)
      expect({ value, source }).toEqual({ value: 'one', source: 'memory' })
      expect(lease?.current).toBe(true)
    })

    test('keeps nothing until it is resumed, and nothing after it is suspended', async () => {
      await using other = await openCacheFixture()
      const source = sourceOf({ value: 1 })
      other.cache.suspend()
      expect((await other.cache.get('k', source.load, LONG)).lease).toBeUndefined()
      await other.cache.get('k', source.load, LONG)
      expect(source.count()).toBe(2)
      other.cache.resume({})
      const { lease } = await other.cache.get('k', source.load, LONG)
      await other.cache.get('k', never, LONG)
      other.cache.suspend()
      expect(lease?.current).toBe(false)
      await other.cache.get('k', source.load, LONG)
      expect(source.count()).toBe(4)
    })

    test('drops the values with a changed tag, and nothing else', async () => {
      const [changed, item, untouched] = [
        sourceOf({ value: 1 }),
        sourceOf({ value: 2 }),
        sourceOf({ value: 3 }),
      ]
      const ofItem: GetOptions<number> = {
        ttlMs: 60_000,
        tags: { always: ['x'], of: value => [`item-${value}`] },
      }
      const { lease } = await cache.get('changed', changed.load, LONG)
      await cache.get('item', item.load, ofItem)
      await cache.get('untouched', untouched.load, { ...LONG, tags: { always: ['b'] } })
      cache.applyEvent('orders', 1, ['a', 'item-2'])
      expect(lease?.current).toBe(false)
      await cache.get('changed', changed.load, LONG)
      await cache.get('item', item.load, ofItem)
      await cache.get('untouched', never, LONG)
      expect([changed.count(), item.count()]).toEqual([2, 2])
    })

    test('keeps "not there" for a short while, with its tags', async () => {
      const source = sourceOf<string>({ value: undefined })
      const options = { ...LONG, negativeTtlMs: 1_000 }
      await cache.get('k', source.load, options)
      expect((await cache.get('k', never, options)).value).toBeUndefined()
      cache.applyEvent('orders', 1, ['a'])
      await cache.get('k', source.load, options)
      clock.advance(1_000)
      await cache.get('k', source.load, options)
      expect(source.count()).toBe(3)
    })

    describe('a load that began before a change', () => {
      const tags = { always: ['a'], of: () => ['of-value'] }
      const changes = {
        'that was received': (tag: string) => cache.applyEvent('orders', 5, [tag]),
        'that was reported before the bus': (tag: string) => cache.invalidate([tag], { orders: 5 }),
      }
      for (const [how, change] of Object.entries(changes))
        for (const tag of ['a', 'of-value'])
          test(`of tag "${tag}" ${how} fills nothing, and answers no later caller`, async () => {
            const late = pendingLoad<string>()
            const early = cache.get('k', late.load, { ...LONG, tags })
            await late.begun
            change(tag)
            const source = sourceOf({ value: 'new', at: { orders: 5 } })
            const next = cache.get('k', source.load, { ...LONG, tags })
            late.open({ value: 'old' })
            expect((await early).value).toBe('old')
            expect((await early).lease).toBeUndefined()
            expect((await next).value).toBe('new')
            expect((await cache.get('k', never, { ...LONG, tags })).value).toBe('new')
          })

      test('is kept when it certainly contains the change', async () => {
        const load = pendingLoad<string>()
        const waiting = cache.get('k', load.load, LONG)
        await load.begun
        cache.applyEvent('orders', 5, ['a'])
        load.open({ value: 'new', at: { orders: 5 } })
        await waiting
        expect((await cache.get('k', never, LONG)).value).toBe('new')
      })
    })

    describe('for a caller that requires a position', () => {
      test('serves a value that contains every received change up to it', async () => {
        await cache.get('k', sourceOf({ value: 1 }).load, LONG)
        cache.applyEvent('orders', 7, ['something else'])
        expect((await cache.get('k', never, { ...LONG, required: { orders: 7 } })).value).toBe(1)
      })

      test('loads a value that may lack it again, and then serves the new one to everybody', async () => {
        const { lease } = await cache.get('k', sourceOf({ value: 'old' }).load, LONG)
        const required = { orders: 7 }
        const source = sourceOf({ value: 'new', at: required })
        expect((await cache.get('k', source.load, { ...LONG, required })).value).toBe('new')
        expect((await cache.get('k', never, { ...LONG, required })).value).toBe('new')
        expect((await cache.get('k', never, LONG)).value).toBe('new')
        expect(lease?.current).toBe(false)
      })

      test('does not wait for a load that may lack it', async () => {
        const slow = pendingLoad<string>()
        const first = cache.get('k', slow.load, LONG)
        await slow.begun
        const required = { orders: 7 }
        const source = sourceOf({ value: 'new', at: required })
        expect((await cache.get('k', source.load, { ...LONG, required })).value).toBe('new')
        slow.open({ value: 'old' })
        await first
        expect((await cache.get('k', never, LONG)).value).toBe('new')
      })

      test('loads again for each caller that waited for a load that turned out to lack it', async () => {
        const lacking = pendingLoad<string>()
        const required = { orders: 7 }
        const first = cache.get('k', lacking.load, { ...LONG, required })
        await lacking.begun
        const source = sourceOf({ value: 'new', at: required })
        const second = cache.get('k', source.load, { ...LONG, required })
        cache.applyEvent('orders', 7, ['a']) // a change received now is not in a load that began before
        lacking.open({ value: 'old' })
        expect([(await first).value, (await second).value]).toEqual(['old', 'new'])
      })

      test('throws rather than serve a value that may lack it', async () => {
        await cache.get('k', sourceOf({ value: 'old' }).load, LONG)
        const failing = cache.get('k', () => Promise.reject(new Error('away')), {
          ...LONG,
          required: { orders: 7 },
        })
        await expect(failing).rejects.toThrow('away')
      })
    })

    describe('a value that is put', () => {
      const at = { orders: 7 }

      test('is served without a load', async () => {
        cache.put('k', 'put', { ...LONG, at })
        expect((await cache.get('k', never, { ...LONG, required: at })).value).toBe('put')
      })

      test('is not replaced by a load that may be older', async () => {
        const load = pendingLoad<string>()
        const waiting = cache.get('k', load.load, LONG)
        await load.begun
        cache.put('k', 'put', { ...LONG, at })
        load.open({ value: 'old' })
        await waiting
        expect((await cache.get('k', never, LONG)).value).toBe('put')
      })

      test('yields to a newer one, and to a change that it lacks', async () => {
        await cache.get('k', sourceOf({ value: 'newer', at: { orders: 9 } }).load, LONG)
        cache.put('k', 'put', { ...LONG, at })
        expect((await cache.get('k', never, LONG)).value).toBe('newer')
        cache.applyEvent('orders', 10, ['a'])
        cache.put('k', 'put', { ...LONG, at })
        const source = sourceOf({ value: 'newest' })
        expect((await cache.get('k', source.load, LONG)).value).toBe('newest')
      })
    })

    describe('as time goes by', () => {
      const options: GetOptions<unknown> = { ttlMs: 1_000, staleMs: 500, tags: { always: ['a'] } }

      test('serves a stale value while one load renews it', async () => {
        await cache.get('k', sourceOf({ value: 'old' }).load, options)
        clock.advance(1_100)
        const load = pendingLoad<string>()
        const answers = await Promise.all([
          cache.get('k', load.load, options),
          cache.get('k', never, options),
        ])
        expect(answers.map(({ value, source }) => [value, source])).toEqual([
          ['old', 'stale'],
          ['old', 'stale'],
        ])
        await load.begun
        load.open({ value: 'new' })
        await expect.poll(async () => (await cache.get('k', never, options)).value).toBe('new')
      })

      test('serves a stale value while renewal fails, until that value is too old as well', async () => {
        await cache.get('k', sourceOf({ value: 'old' }).load, options)
        const failing = () => Promise.reject(new Error('away'))
        for (const ms of [1_050, 200, 200]) {
          clock.advance(ms)
          const { value, source } = await cache.get('k', failing, options)
          expect({ value, source }).toEqual({ value: 'old', source: 'stale' })
        }
        clock.advance(51)
        await expect(cache.get('k', failing, options)).rejects.toThrow('away')
      })

      test('does not serve a stale value that has changed', async () => {
        await cache.get('k', sourceOf({ value: 'old' }).load, options)
        clock.advance(1_100)
        cache.applyEvent('orders', 1, ['a'])
        const { value, source } = await cache.get('k', sourceOf({ value: 'new' }).load, options)
        expect({ value, source }).toEqual({ value: 'new', source: 'load' })
      })

      test('lets values that were loaded together expire one after the other, in the last tenth of their time', async () => {
        const keys = Array.from({ length: 200 }, (_, index) => `k${index}`)
        const leases = await Promise.all(
          keys.map(async key => (await cache.get(key, sourceOf({ value: 1 }).load, options)).lease),
        )
        const left = leases.map(lease => (lease?.freshUntil ?? 0) - clock.now())
        expect(Math.min(...left)).toBeGreaterThanOrEqual(900)
        expect(Math.max(...left)).toBeLessThanOrEqual(1_000)
        expect(Math.max(...left) - Math.min(...left)).toBeGreaterThan(60)
      })
    })

    test('rejects for all callers that wait for a failed load, and loads again for the next', async () => {
      const load = pendingLoad<string>()
      const waiting = [cache.get('k', load.load, LONG), cache.get('k', never, LONG)]
      const outcomes = Promise.allSettled(waiting)
      await load.begun
      load.fail(new Error('away'))
      expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
      expect((await cache.get('k', sourceOf({ value: 'one' }).load, LONG)).value).toBe('one')
    })

    test('returns a value that must not be kept, has too many tags or is too large, without keeping it', async () => {
      const tags = { always: Array.from({ length: 301 }, (_, index) => `t${index}`) }
      const source = sourceOf<unknown>({ value: 'partial', keep: false })
      const answers = [
        await cache.get('partial', source.load, LONG),
        await cache.get('tagged', source.load, { ...LONG, tags }),
      ]
      await using small = await openCacheFixture(50_000)
      source.set({ value: 'x'.repeat(50_000) })
      answers.push(await small.cache.get('large', source.load, LONG))
      expect(answers.map(({ lease }) => lease)).toEqual([undefined, undefined, undefined])
      await cache.get('partial', source.load, LONG)
      await cache.get('tagged', source.load, { ...LONG, tags })
      await small.cache.get('large', source.load, LONG)
      expect(source.count()).toBe(6)
    })

    test('stays within its bytes, and ends the leases of evicted values', async () => {
      await using small = await openCacheFixture(50_000)
      const answers = []
      for (let index = 0; index < 100; index++)
        answers.push(await small.cache.get(`k${index}`, sourceOf({ value: 'x'.repeat(2_000) }).load, LONG))
      const current = answers.filter(({ lease }) => lease?.current)
      expect(current.length).toBeGreaterThan(10)
      expect(current.length).toBeLessThan(25)
      expect(answers.at(-1)?.lease?.current).toBe(true)
      small.cache.applyEvent('orders', 1, ['a'])
      expect(answers.filter(({ lease }) => lease?.current)).toEqual([])
    })

    test('says whether a lease is still current', async () => {
      const { lease } = await cache.get('k', sourceOf({ value: 1, at: { orders: 3 } }).load, LONG)
      if (!lease) throw new Error('the value was not kept')
      expect(cache.isServable(lease, { orders: 3 })).toBe(true)
      expect(cache.isServable(lease, { orders: 4 })).toBe(false)
      cache.applyEvent('orders', 4, ['b'])
      expect(cache.isServable(lease, { orders: 4 })).toBe(true)
      clock.advance(60_000)
      expect(cache.isServable(lease, {})).toBe(false)
    })

    test('trusts a value loaded before a gap only if nothing can have changed during the gap', async () => {
      cache.applyEvent('orders', 5, [])
      const [unbroken, broken] = [pendingLoad<number>(), pendingLoad<number>()]
      const first = cache.get('unbroken', unbroken.load, LONG)
      await unbroken.begun
      cache.suspend()
      cache.resume({ orders: 5 })
      unbroken.open({ value: 1 })
      expect((await first).lease?.current).toBe(true)
      const second = cache.get('broken', broken.load, LONG)
      await broken.begun
      cache.suspend()
      cache.resume({ orders: 6 })
      broken.open({ value: 1 })
      expect((await second).lease).toBeUndefined()
    })

    test('returns values as they were loaded', async () => {
      const value = {
        text: 'Grüße 🚚 \u0000',
        list: [1, -1, 1.5, 2 ** 40, Number.MAX_SAFE_INTEGER, true, null, ''],
        nested: { empty: {}, none: [] },
        bytes: new Uint8Array([0, 255, 128]),
      }
      await cache.get('k', sourceOf({ value }).load, LONG)
      const reader = await fixture.another()
      expect((await reader.get('k', sourceOf({ value }).load, LONG)).value).toEqual(value)
    })
  })
}
