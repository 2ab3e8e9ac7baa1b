import { expect, test } from 'vitest'
import { newUuid } from '#platform/domain/uuid.ts'

test('UUIDs are of version 7, differ, and sort in the order in which they were made', () => {
  const made = Array.from({ length: 10_000 }, newUuid)
  for (const uuid of made)
    expect(uuid).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
  expect(new Set(made).size).toBe(made.length)
  expect(made.toSorted()).toEqual(made)
  expect(new Set(made.map(uuid => uuid.slice(-12))).size).toBe(made.length)
})

test('a UUID begins with the time at which it was made', () => {
  const before = Date.now()
  const time = Number.parseInt(newUuid().replace('-', '').slice(0, 12), 16)
  expect(time).toBeGreaterThanOrEqual(before)
  expect(time).toBeLessThanOrEqual(Date.now())
})
