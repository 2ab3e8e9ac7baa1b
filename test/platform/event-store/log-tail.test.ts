import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import { createLogTail, type LogTail } from '#platform/event-store/log-tail.ts'
import { positions, upTo } from '#test/platform/event-store/fixtures.ts'

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

function tailAfter(position: number): LogTail {
  const tail = createLogTail()
  tail.startAt(position)
  return tail
}

test('the tail returns undefined before it has a start, before its first event and past its end', () => {
  const tail = createLogTail()
  expect(tail.add(events(1, 2))).toBe(false)
  expect(tail.read({ after: 0, limit: 10 })).toBeUndefined()
  tail.startAt(4)
  tail.add(events(5, 7))
  expect(tail.read({ after: 3, limit: 10 })).toBeUndefined()
  expect(tail.read({ after: 8, limit: 10 })).toBeUndefined()
})

test('a read at the end returns an empty slice, and one before it the rest, up to its limit', () => {
  const tail = tailAfter(4)
  expect(tail.read({ after: 4, limit: 10 })).toEqual({ events: [], scannedTo: 4 })
  tail.add(events(5, 9))
  expect(tail.read({ after: 9, limit: 10 })).toEqual({ events: [], scannedTo: 9 })
  expect(tail.read({ after: 4, limit: 2 })).toEqual({ events: events(5, 6), scannedTo: 6 })
})

test('events of other categories are skipped', () => {
  const tail = tailAfter(0)
  tail.add([event(1, 'order'), event(2, 'stock'), event(3, 'order'), event(4, 'stock')])
  expect(tail.read({ after: 0, limit: 10, categories: ['stock'] })).toEqual({
    events: [event(2, 'stock'), event(4, 'stock')],
    scannedTo: 4,
  })
})

test('groups are joined, those that are there already are left out, and one after a gap is refused', () => {
  const tail = tailAfter(0)
  expect(tail.add(events(1, 2))).toBe(true)
  expect(tail.add(events(1, 4))).toBe(true)
  expect(tail.add(events(6, 7))).toBe(false)
  expect(tail.end()).toBe(4)
  expect(tail.read({ after: 0, limit: 10 })).toEqual({ events: events(1, 4), scannedTo: 4 })
})

test('a slice is always the dense continuation of its position, whatever the gaps and the capacity', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 2, max: 50 }),
      fc.infiniteStream(fc.boolean()),
      (sizes, capacity, gaps) => {
        const tail = createLogTail(capacity)
        tail.startAt(0)
        let next = 1
        for (const size of sizes) {
          if (gaps.next().value) next += 1
          if (!tail.add(events(next, next + size - 1))) tail.startAt(next + size - 1)
          next += size
          for (let after = 0; after < next; after++) {
            const slice = tail.read({ after, limit: 1000 })
            if (slice) expect(positions(slice.events)).toEqual(upTo(next - 1 - after).map(n => after + n))
          }
        }
      },
    ),
    { numRuns: 200 },
  )
})
