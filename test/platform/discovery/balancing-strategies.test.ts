import { describe, expect, test } from 'vitest'
import {
  type BalancingStrategy,
  type Candidate,
  consistentHash,
  leastConnections,
  roundRobin,
  weighted,
} from '#platform/discovery/balancing-strategies.ts'

const at = (url: string, weight = 1, active = 0): Candidate => ({ url, weight, active })
const NOTHING = () => ''

type Candidates = [Candidate, ...Candidate[]]

/** The URLs that are chosen in `times` choices. */
function chosen(choose: BalancingStrategy, candidates: Candidates, times: number): string {
  return Array.from({ length: times }, () => choose(candidates, NOTHING).url).join('')
}

test('round-robin takes all instances in turn, whatever their weights', () => {
  expect(chosen(roundRobin(), [at('a', 5), at('b'), at('c')], 7)).toBe('abcabca')
})

test('weighted takes instances in proportion to their weights, spread evenly', () => {
  expect(chosen(weighted(), [at('a', 3), at('b', 1), at('c', 1)], 10)).toBe('abacaabaca')
})

describe('least connections', () => {
  test('takes the instance with the fewest requests in flight for its weight', () => {
    expect(leastConnections()([at('a', 1, 3), at('b', 1, 1), at('c', 1, 2)], NOTHING).url).toBe('b')
    expect(leastConnections()([at('a', 1, 2), at('b', 4, 4)], NOTHING).url).toBe('b')
  })

  test('takes instances with equal load in turn', () => {
    expect(chosen(leastConnections(), [at('a'), at('b'), at('c')], 6)).toBe('abcabc')
  })
})

describe('consistent hash', () => {
  const choose = consistentHash()
  const tenants = Array.from({ length: 3000 }, (_, index) => `tenant-${index}`)
  const all: Candidates = [at('http://a/'), at('http://b/'), at('http://c/')]
  const placed = (candidates: Candidates) => tenants.map(tenant => choose(candidates, () => tenant).url)

  test('takes the same instance for the same value, in any order of the instances', () => {
    expect(placed([all[2] ?? all[0], all[1] ?? all[0], all[0]])).toEqual(placed(all))
  })

  test('gives each instance about its share', () => {
    const shares = (candidates: Candidates) =>
      candidates.map(({ url }) => placed(candidates).filter(one => one === url).length / tenants.length)
    for (const share of shares(all)) expect(share).toBeCloseTo(1 / 3, 1)
    const [large = 0, small = 0] = shares([at('http://a/', 3), at('http://b/', 1)])
    expect([large, small]).toEqual([expect.closeTo(0.75, 1), expect.closeTo(0.25, 1)])
  })

  test('moves only the values of the instance that leaves', () => {
    const before = placed(all)
    const after = placed([at('http://a/'), at('http://c/')])
    for (const [index, url] of before.entries()) if (url !== 'http://b/') expect(after[index]).toBe(url)
    expect(new Set(after.filter((_, index) => before[index] === 'http://b/')).size).toBe(2)
  })
})
