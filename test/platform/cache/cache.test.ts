import { expect, test } from 'vitest'
import { openCache } from '#platform/cache/open.ts'
import { metricsText } from '#platform/telemetry/metrics.ts'
import { describeCache } from '#test/platform/cache/cache.contract.ts'
import { LONG, openCacheFixture, sourceOf } from '#test/platform/cache/cache-fixture.ts'
import { recordingLogger } from '#test/platform/telemetry/recording-logger.ts'

describeCache('a cache without tier 2', maxBytes => openCacheFixture(undefined, maxBytes))

test('a cache that was never resumed keeps nothing and ignores changes', async () => {
  await using cache = await openCache({ name: 'new', logger: recordingLogger().logger })
  const source = sourceOf({ value: 1 })
  cache.applyEvent('orders', 9, ['a'])
  expect((await cache.get('k', source.load, LONG)).lease).toBeUndefined()
  expect(cache.observed()).toEqual({})
})

test('a URL of tier 2 that is not Redis is refused without showing its password', async () => {
  const { logger } = recordingLogger()
  const opening = openCache({ name: 'x', logger, url: 'memcached://u:secret@cache.example' })
  await expect(opening).rejects.toMatchObject({
    code: 'CACHE_URL_UNKNOWN',
    message: expect.not.stringContaining('secret'),
  })
})

test('the metrics count hits, misses, loads and drops', async () => {
  await using fixture = await openCacheFixture(undefined, 50_000)
  const { cache, clock, name } = fixture
  const failing = () => Promise.reject(new Error('away'))
  await cache.get('k', sourceOf({ value: 1 }).load, LONG)
  await cache.get('k', failing, LONG)
  clock.advance(60_000)
  await cache.get('k', failing, LONG)
  cache.applyEvent('orders', 1, ['a'])
  await cache.get('k', sourceOf({ value: 'x'.repeat(50_000) }).load, LONG)
  for (let index = 0; index < 50; index++)
    await cache.get(`k${index}`, sourceOf({ value: 'x'.repeat(2_000) }).load, LONG)
  const lines = (await metricsText()).split('\n')
  const read = (metric: string, labels = '') =>
    Number(
      lines
        .find(line => line.startsWith(`waybill_cache_${metric}{cache="${name}"${labels}}`))
        ?.split(' ')
        .at(-1),
    )
  expect(read('hits_total', ',tier="memory"')).toBe(1)
  expect(read('stale_total')).toBe(1)
  expect(read('misses_total')).toBe(52)
  expect(read('dropped_total')).toBe(1)
  expect(read('unkept_total', ',reason="size"')).toBe(1)
  expect(read('load_seconds_count', ',outcome="ok"')).toBe(52)
  expect(read('load_seconds_count', ',outcome="failed"')).toBe(1)
  expect(read('evictions_total')).toBeGreaterThan(20)
})
