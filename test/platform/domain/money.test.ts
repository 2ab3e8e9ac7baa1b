// Splitting an amount into parts: nothing is lost, and no part is off by a whole unit.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { apportion, MAX_MINOR } from '#platform/domain/money.ts'

describe('apportion', () => {
  test.each<[string, number, number[], number[]]>([
    ['in proportion', 1200, [1, 2, 3], [200, 400, 600]],
    ['units that are left over to the largest remainders', 100, [1, 1, 4], [17, 17, 66]],
    ['the earlier of equal remainders first', 5, [1, 1], [3, 2]],
    ['equally by weights that are all zero', 7, [0, 0, 0], [3, 2, 2]],
    ['nothing to a weight of zero among others', 7, [0, 3, 0], [0, 7, 0]],
    ['nothing at all', 0, [3, 4], [0, 0]],
    ['nothing among nobody', 0, [], []],
    [
      'amounts whose product exceeds a double exactly',
      MAX_MINOR,
      [MAX_MINOR, MAX_MINOR - 1],
      [4_500_000_000, 4_500_000_000],
    ],
  ])('splits %s', (_, amount, weights, parts) => {
    expect(apportion(amount, weights)).toEqual(parts)
  })

  test('gives each part its exact share, less than one unit up or down, and all of the amount together', () => {
    const weights = fc.array(fc.nat(MAX_MINOR), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(fc.nat(MAX_MINOR), weights, (amount, given) => {
        const parts = apportion(amount, given)
        expect(parts.reduce((sum, part) => sum + part, 0)).toBe(amount)
        const total = given.reduce((sum, weight) => sum + weight, 0)
        parts.forEach((part, index) => {
          const exact = total === 0 ? amount / given.length : (amount / total) * (given[index] ?? 0)
          expect(Math.abs(part - exact)).toBeLessThan(1 + 1e-6)
        })
      }),
    )
  })
})
