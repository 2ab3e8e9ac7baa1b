import { expect, test } from 'vitest'
import { createBloomFilter } from '#platform/cache/bloom-filter.ts'

const CAPACITY = 20_000

test('a full filter contains every added id and has few false positives', () => {
  const filter = createBloomFilter({ capacity: CAPACITY, falsePositives: 0.01 })
  const id = (index: number) => `ord_01920000-0000-7000-8000-${index.toString(16).padStart(12, '0')}`
  for (let index = 0; index < CAPACITY; index++) filter.add(id(index))
  for (let index = 0; index < CAPACITY; index++) expect(filter.mayHave(id(index))).toBe(true)
  let mistaken = 0
  for (let index = 0; index < 100_000; index++) if (filter.mayHave(id(CAPACITY + index))) mistaken += 1
  expect(mistaken).toBeLessThan(1_500)
  expect(filter.size()).toBeGreaterThan(CAPACITY * 0.98)
  expect(filter.bytes).toBeLessThan(CAPACITY * 1.3)
})

test('a filter is empty at first, and counts a repeated id once', () => {
  const filter = createBloomFilter({ capacity: 10, falsePositives: 0.01 })
  expect(filter.mayHave('')).toBe(false)
  filter.add('')
  filter.add('')
  expect([filter.mayHave(''), filter.mayHave('a'), filter.size()]).toEqual([true, false, 1])
})
