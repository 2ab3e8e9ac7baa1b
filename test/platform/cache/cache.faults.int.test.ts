import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Cache } from '#platform/cache/cache.ts'
import { openCache } from '#platform/cache/open.ts'
import { LONG, never, openCacheFixture, sourceOf } from '#test/platform/cache/cache-fixture.ts'
import { recordingLogger } from '#test/platform/telemetry/recording-logger.ts'
import { missingRedisReason, startRedis } from '#testbed/engines/redis.ts'

const missing = missingRedisReason()
const LOAD_MS = 2
/** So many gets end while Redis is away before it comes back: none of them waits for it. */
const GETS = 200

type Load = AsyncDisposable & {
  /** How many gets have been answered. */
  readonly answered: () => number
}

/** Eight callers at a time who mostly want what is in no tier yet. A get that fails makes the end throw. */
function putUnderLoad(cache: Cache): Load {
  let going = true
  let answered = 0
  const caller = async (name: number): Promise<void> => {
    for (let round = 0; going; round++) {
      const value = `${name}:${round}`
      const load = async () => {
        await delay(LOAD_MS)
        return { value }
      }
      const got = await cache.get(value, load, LONG)
      answered += 1
      if (got.value !== value) throw new Error(`${value} was asked for, and ${got.value} was served`)
    }
  }
  const callers = Promise.all(Array.from({ length: 8 }, (_, name) => caller(name)))
  callers.catch(() => {})
  return {
    answered: () => answered,
    async [Symbol.asyncDispose]() {
      going = false
      await callers
    },
  }
}

function until(cache: Cache, state: 'up' | 'away'): Promise<void> {
  return expect.poll(() => cache.remoteState(), { interval: 5 }).toBe(state)
}

describe.skipIf(missing)(`while Redis fails${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const faults = {
    'is killed and started again': {
      begin: (redis: Awaited<ReturnType<typeof startRedis>>) => redis.kill(),
      end: (redis: Awaited<ReturnType<typeof startRedis>>) => redis.restart(),
    },
    'is paused and goes on': {
      begin: async (redis: Awaited<ReturnType<typeof startRedis>>) => redis.pause(),
      end: async (redis: Awaited<ReturnType<typeof startRedis>>) => redis.resume(),
    },
  }
  for (const [what, { begin, end }] of Object.entries(faults))
    test(`every get is answered when it ${what} under load, and none waits for it; then it is used again`, async () => {
      await using redis = await startRedis()
      await using fixture = await openCacheFixture(redis.url)
      const { cache } = fixture
      await using load = putUnderLoad(cache)
      const goesOn = async () => {
        const enough = load.answered() + GETS
        await expect.poll(load.answered).toBeGreaterThan(enough)
      }
      await goesOn()
      for (let round = 0; round < 2; round++) {
        await begin(redis)
        await until(cache, 'away')
        await goesOn()
        expect(cache.remoteState()).toBe('away')
        await end(redis)
        await until(cache, 'up')
      }
      const other = await fixture.another()
      let round = 0
      const sourceElsewhere = async () => {
        round += 1
        const key = `after ${round}` // what is written in the moment of the return may be lost: tier 2 is a help
        await cache.get(key, sourceOf({ value: 1 }).load, LONG)
        return (await other.get(key, async () => ({ value: 1, keep: false }), LONG)).source
      }
      await expect.poll(sourceElsewhere).toBe('remote')
    })

  test('every get is answered while it is full, its values are still served, and it is filled again later', async () => {
    await using redis = await startRedis({ 'maxmemory-policy': 'noeviction' })
    await using fixture = await openCacheFixture(redis.url)
    const { cache } = fixture
    await cache.get('first', sourceOf({ value: 'first' }).load, LONG)
    await expect.poll(() => redis.command('EXISTS', `waybill:{${fixture.name}:first}`)).toBe(':1\r\n')
    await redis.command('CONFIG', 'SET', 'maxmemory', '1')
    expect(await redis.command('SET', 'full?', 'yes')).toMatch(/^-OOM/)
    for (let index = 0; index < 50; index++)
      await cache.get(`k${index}`, sourceOf({ value: index }).load, LONG)
    expect(cache.remoteState()).toBe('up')
    const other = await fixture.another()
    expect((await other.get('first', never, LONG)).source).toBe('remote')
    await redis.command('CONFIG', 'SET', 'maxmemory', '0')
    let next = 0
    await expect
      .poll(async () => {
        next += 1
        await cache.get(`next${next}`, sourceOf({ value: 1 }).load, LONG)
        return redis.command('EXISTS', `waybill:{${fixture.name}:next${next - 1}}`)
      })
      .toBe(':1\r\n')
  })

  test('a cache opens at once without Redis, and uses it once it is up', async () => {
    await using redis = await startRedis()
    await redis.kill()
    await using fixture = await openCacheFixture(redis.url)
    const { cache } = fixture
    expect(cache.remoteState()).toBe('away')
    expect((await cache.get('k', sourceOf({ value: 1 }).load, LONG)).source).toBe('load')
    await redis.restart()
    await until(cache, 'up')
  })

  test('a Redis that refuses the password counts as down, and the log says why without the password', async () => {
    await using redis = await startRedis({ requirepass: 'right-password' })
    const { logger, lines } = recordingLogger()
    const url = (password: string) => redis.url.replace('//', `//:${password}@`)
    await using refused = await openCache({ name: 'refused', logger, url: url('wrong-password') })
    expect(refused.remoteState()).toBe('away')
    expect(lines.join()).toMatch(/WRONGPASS|NOAUTH/)
    expect(lines.join()).toContain('(Redis, CACHE_URL) is away')
    expect(lines.join()).not.toContain('wrong-password')
    await using let_in = await openCache({ name: 'let in', logger, url: url('right-password') })
    expect(let_in.remoteState()).toBe('up')
  })

  test('a cluster serves as tier 2, and so do the nodes that are left of it', async () => {
    const folders = [
      await mkdtemp(path.join(tmpdir(), 'waybill-a-')),
      await mkdtemp(path.join(tmpdir(), 'waybill-b-')),
    ]
    await using cleaning = new AsyncDisposableStack()
    cleaning.defer(async () => {
      for (const folder of folders) await rm(folder, { recursive: true, force: true })
    })
    const settings = { 'cluster-enabled': 'yes', 'cluster-require-full-coverage': 'no' }
    const [one, two] = await Promise.all(folders.map(dir => startRedis({ ...settings, dir })))
    if (!one || !two) throw new Error('there are two nodes')
    cleaning.use(one)
    cleaning.use(two)
    await one.command('CLUSTER', 'ADDSLOTSRANGE', '0', '8191')
    await two.command('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383')
    await one.command('CLUSTER', 'MEET', '127.0.0.1', new URL(two.url).port)
    const stateOf = async (node: typeof one) => await node.command('CLUSTER', 'INFO')
    const whole = /cluster_state:ok[\s\S]*cluster_slots_ok:16384/
    await expect.poll(() => stateOf(one), { timeout: 15_000 }).toMatch(whole)
    await expect.poll(() => stateOf(two), { timeout: 15_000 }).toMatch(whole)
    await using fixture = await openCacheFixture(`${one.url},${two.url}`)
    expect(fixture.cache.remoteState()).toBe('up')
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`)
    for (const key of keys) await fixture.cache.get(key, sourceOf({ value: key }).load, LONG)
    const sizeOf = async (node: typeof one) => Number((await node.command('DBSIZE')).slice(1))
    await expect.poll(async () => (await sizeOf(one)) + (await sizeOf(two))).toBe(keys.length)
    const sourcesElsewhere = async () => {
      const other = await fixture.another()
      const load = (key: string) => sourceOf({ value: key }).load // a machine that is busy may be too slow for tier 2
      return Promise.all(keys.map(async key => (await other.get(key, load(key), LONG)).source))
    }
    await expect
      .poll(async () => new Set(await sourcesElsewhere()), { timeout: 15_000 })
      .toEqual(new Set(['remote']))
    expect(await sizeOf(one)).toBeLessThan(keys.length)
    expect(await sizeOf(two)).toBeLessThan(keys.length)
    await two.kill()
    const later = keys.map(key => fixture.cache.get(`${key}, later`, sourceOf({ value: key }).load, LONG))
    expect((await Promise.all(later)).map(({ value }) => value)).toEqual(keys)
  })
})
