import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import { createLogTail } from '#platform/event-store/log-tail.ts'

function event(position: number, category = 'order'): RecordedEvent {
  return {
    position,
    stream: `${category}-${position}`,
    version: 1,
    id: String(position),
    type: 'Happened',
    schema: 1,
    data: {},
    meta: {},
    recordedAt: '2026-01-01T00:00:00.000Z',
  }
}

const events = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => event(from + index))
const positions = (stretch: ReturnType<ReturnType<typeof createLogTail>['read']>) =>
  stretch?.events.map(({ position }) => position)

test('the tail returns undefined when it is empty, before its first event and past its end', () => {
  const tail = createLogTail()
  expect(tail.read({ after: 0, limit: 10 })).toBeUndefined()
  tail.add(events(5, 7))
  expect(tail.read({ after: 3, limit: 10 })).toBeUndefined()
  expect(tail.read({ after: 8, limit: 10 })).toBeUndefined()
})

test('a read at the end returns an empty slice, and one before it the rest, up to its limit', () => {
  const tail = createLogTail()
  tail.add(events(5, 9))
  expect(tail.read({ after: 9, limit: 10 })).toEqual({ events: [], scannedTo: 9 })
  expect(tail.read({ after: 4, limit: 2 })).toEqual({ events: events(5, 6), scannedTo: 6 })
})

test('events of other categories are skipped', () => {
  const tail = createLogTail()
  tail.add([event(1, 'order'), event(2, 'stock'), event(3, 'order'), event(4, 'stock')])
  expect(tail.read({ after: 0, limit: 10, categories: ['stock'] })).toEqual({
    events: [event(2, 'stock'), event(4, 'stock')],
    scannedTo: 4,
  })
})

test('groups that arrive out of order are joined, and nothing past a gap is returned', () => {
  const tail = createLogTail()
  tail.add(events(1, 2))
  tail.add(events(5, 6))
  expect(positions(tail.read({ after: 0, limit: 10 }))).toEqual([1, 2])
  tail.add(events(3, 4))
  expect(positions(tail.read({ after: 0, limit: 10 }))).toEqual([1, 2, 3, 4, 5, 6])
})

test('the tail drops what is before a gap that another process filled', () => {
  const tail = createLogTail()
  tail.add(events(1, 2))
  for (let at = 10; at < 30; at++) tail.add([event(at)])
  expect(tail.read({ after: 2, limit: 100 })).toBeUndefined()
  expect(positions(tail.read({ after: 20, limit: 100 }))?.at(-1)).toBe(29)
})

test('a slice is always the dense continuation of its position, whatever the order of groups and the capacity', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 2, max: 50 }),
      fc.infiniteStream(fc.boolean()),
      (sizes, capacity, swaps) => {
        const tail = createLogTail(capacity)
        let next = 1
        const groups = sizes.map(size => {
          const group = events(next, next + size - 1)
          next += size
          return group
        })
        for (let index = 0; index + 1 < groups.length; index++) {
          const [first, second] = [groups[index], groups[index + 1]]
          if (first && second && swaps.next().value) [groups[index], groups[index + 1]] = [second, first]
        }
        for (const group of groups) {
          tail.add(group)
          for (let after = 0; after < next; after++) {
            const found = positions(tail.read({ after, limit: 1000 }))
            if (found) expect(found).toEqual(found.map((_, index) => after + 1 + index))
          }
        }
      },
    ),
    { numRuns: 200 },
  )
})
