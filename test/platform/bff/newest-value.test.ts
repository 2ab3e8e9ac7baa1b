import { expect, test, vi } from 'vitest'
import { createNewestValue } from '#platform/bff/newest-value.ts'

test('a slow reader gets the newest value and none of those between', async () => {
  const newest = createNewestValue<number>(() => {})
  for (let value = 1; value <= 10_000; value++) newest.put(value)
  expect(await newest.values.next()).toEqual({ done: false, value: 10_000 })
})

test('a waiting reader gets the next value', async () => {
  const newest = createNewestValue<string>(() => {})
  const next = newest.values.next()
  newest.put('now')
  expect(await next).toEqual({ done: false, value: 'now' })
})

test('ending wakes the reader, tells the owner once, and drops later values', async () => {
  const onEnd = vi.fn()
  const newest = createNewestValue<string>(onEnd)
  const next = newest.values.next()
  newest.end()
  newest.end()
  newest.put('late')
  expect(await next).toEqual({ done: true, value: undefined })
  expect(await newest.values.next()).toEqual({ done: true, value: undefined })
  expect(onEnd).toHaveBeenCalledTimes(1)
})

test('a reader that leaves tells the owner', async () => {
  const onEnd = vi.fn()
  const newest = createNewestValue<string>(onEnd)
  await newest.values.return?.()
  expect(onEnd).toHaveBeenCalledTimes(1)
})
