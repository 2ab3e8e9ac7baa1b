import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pageOf } from '#bff/graph/paging.ts'

test.each([
  [{}, { first: 20, after: null, last: null, before: null }],
  [{ after: 'a' }, { first: 20, after: 'a', last: null, before: null }],
  [{ before: 'b' }, { first: null, after: null, last: 20, before: 'b' }],
  [{ last: 5 }, { first: null, after: null, last: 5, before: null }],
  [
    { first: 3, after: null, last: null },
    { first: 3, after: null, last: null, before: null },
  ],
])('asks for one form of page: %j', (given, page) => {
  expect(pageOf(given, 100)).toEqual(page)
})

test.each([
  [{ first: 1, last: 1 }, 'last'],
  [{ after: 'a', before: 'b' }, 'before'],
  [{ first: 1, before: 'b' }, 'before'],
  [{ last: 1, after: 'a' }, 'after'],
  [{ first: 0 }, 'first'],
  [{ first: -1 }, 'first'],
  [{ last: 101 }, 'last'],
  [{ last: 2_147_483_647 }, 'last'],
])('refuses %j and names the argument', (given, field) => {
  expect(() => pageOf(given, 100)).toThrow(
    expect.objectContaining({ code: 'BAD_USER_INPUT', details: { field } }),
  )
})

test('every page that is not refused has exactly one size, within the limit', () => {
  const size = fc.option(fc.integer({ min: -5, max: 120 }))
  const cursor = fc.option(fc.string())
  fc.assert(
    fc.property(size, cursor, size, cursor, (first, after, last, before) => {
      const page = tryPage({ first, after, last, before })
      if (page === undefined) return
      expect([page.first, page.last].filter(value => value !== null)).toHaveLength(1)
      expect(page.first ?? page.last).toBeGreaterThanOrEqual(1)
      expect(page.first ?? page.last).toBeLessThanOrEqual(100)
      if (page.first === null) expect(page.after).toBeNull()
      else expect(page.before).toBeNull()
    }),
  )
})

function tryPage(given: Parameters<typeof pageOf>[0]) {
  try {
    return pageOf(given, 100)
  } catch {
    return undefined
  }
}
