import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createFences } from '#platform/cache/fences.ts'

test('fences admit a value that contains the last change of each of its tags', () => {
  const fences = createFences()
  fences.raise('a', { orders: 5 })
  fences.raise('a', { stock: 3 })
  fences.raise('b', { orders: 9 })
  expect(fences.admits(['a', 'c'], { orders: 5, stock: 3 })).toBe(true)
  expect(fences.admits(['a'], { orders: 8, stock: 2 })).toBe(false)
  expect(fences.admits(['a', 'b'], { orders: 8, stock: 3 })).toBe(false)
})

test('after a restart, fences admit only values that contain the floor', () => {
  const fences = createFences()
  fences.raise('a', { orders: 5 })
  fences.restart({ orders: 4 })
  expect(fences.admits(['a'], { orders: 4 })).toBe(true)
  expect(fences.admits(['a'], { orders: 3 })).toBe(false)
})

test('fences say which tags changed after a moment', () => {
  const fences = createFences()
  fences.raise('a', { orders: 5 })
  const moment = fences.moment()
  fences.raise('b', { orders: 6 })
  expect(fences.changedSince(['a'], moment)).toBe(false)
  expect(fences.changedSince(['a', 'b'], moment)).toBe(true)
  fences.restart({})
  expect(fences.changedSince(['a'], moment)).toBe(true)
})

const topic = fc.constantFrom('orders', 'stock')
const tag = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
const change = fc.record({ tag, topic })

test('fences never admit a value without a change, however few tags they remember', () => {
  const property = fc.property(
    fc.array(change, { maxLength: 40 }),
    fc.integer({ min: 1, max: 6 }),
    fc.array(tag, { maxLength: 3 }),
    fc.record({ orders: fc.nat(40), stock: fc.nat(40) }),
    (changes, maxTags, tags, at) => {
      const fences = createFences(maxTags)
      const ends = { orders: 0, stock: 0 }
      let lacks = false
      for (const { tag, topic } of changes) {
        const position = ++ends[topic as 'orders' | 'stock']
        fences.raise(tag, { [topic]: position })
        lacks ||= tags.includes(tag) && position > at[topic as 'orders' | 'stock']
      }
      if (lacks) expect(fences.admits(tags, at)).toBe(false)
      if (maxTags === 6) expect(fences.admits(tags, at)).toBe(!lacks)
      expect(fences.admits(tags, ends)).toBe(true)
    },
  )
  fc.assert(property, { numRuns: 2_000 })
})
