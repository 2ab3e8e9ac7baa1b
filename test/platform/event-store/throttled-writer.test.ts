import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createThrottledWriter } from '#platform/event-store/throttled-writer.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('writes the first value at once, and of those that follow only the newest, a spacing later', async () => {
  const written: number[] = []
  const writer = createThrottledWriter<number>(50, async value => void written.push(value))
  for (let value = 1; value <= 3; value++) writer.offer(value)
  await vi.advanceTimersByTimeAsync(0)
  for (let value = 4; value <= 6; value++) writer.offer(value)
  await vi.advanceTimersByTimeAsync(49)
  expect(written).toEqual([3])
  await vi.advanceTimersByTimeAsync(1)
  expect(written).toEqual([3, 6])
})

test('a value offered while a write is under way is written after it', async () => {
  const written: number[] = []
  const gate = Promise.withResolvers<void>()
  const writer = createThrottledWriter<number>(10, async value => {
    if (value === 1) await gate.promise
    written.push(value)
  })
  writer.offer(1)
  await vi.advanceTimersByTimeAsync(100)
  writer.offer(2)
  await vi.advanceTimersByTimeAsync(100)
  expect(written).toEqual([])
  gate.resolve()
  await vi.advanceTimersByTimeAsync(10)
  expect(written).toEqual([1, 2])
})

test('stopping drops what has not begun', async () => {
  const written: number[] = []
  const writer = createThrottledWriter<number>(50, async value => void written.push(value))
  writer.offer(1)
  await writer.stop()
  await vi.advanceTimersByTimeAsync(100)
  expect(written).toEqual([])
})
