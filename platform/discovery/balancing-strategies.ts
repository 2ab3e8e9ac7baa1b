// The load-balancing strategies: each chooses the instance that gets the next request.
import { LRUCache } from 'lru-cache'

/** Instances of one service that a strategy keeps state for, including those that have left. */
const MAX_KNOWN = 1000

export type Candidate = {
  readonly url: string
  readonly weight: number
  /** Requests under way. */
  readonly active: number
}

/** Returns one of `candidates`. `key` returns what `consistentHash` hashes. */
export type BalancingStrategy = <C extends Candidate>(
  candidates: readonly [C, ...C[]],
  key: () => string,
) => C

/** Chooses the instances in turn. */
export function roundRobin(): BalancingStrategy {
  let turn = 0
  return candidates => candidates[turn++ % candidates.length] ?? candidates[0]
}

/** Chooses the instances in turn in proportion to their weights, evenly spread: with weights 2 and 1, a b a. */
export function weighted(): BalancingStrategy {
  const credit = new LRUCache<string, number>({ max: MAX_KNOWN })
  return candidates => {
    let chosen = candidates[0]
    let total = 0
    for (const candidate of candidates) {
      total += candidate.weight
      credit.set(candidate.url, (credit.get(candidate.url) ?? 0) + candidate.weight)
      if ((credit.get(candidate.url) ?? 0) > (credit.get(chosen.url) ?? 0)) chosen = candidate
    }
    credit.set(chosen.url, (credit.get(chosen.url) ?? 0) - total)
    return chosen
  }
}

/** Chooses the instance with the fewest requests under way for its weight; equal ones in turn. */
export function leastConnections(): BalancingStrategy {
  const inTurn = roundRobin()
  return (candidates, key) => {
    const least = Math.min(...candidates.map(load))
    const [first, ...others] = candidates.filter(candidate => load(candidate) === least)
    return first === undefined ? candidates[0] : inTurn([first, ...others], key)
  }
}

function load({ active, weight }: Candidate): number {
  return active / weight
}

/**
 * Rendezvous hashing: the same key leads to the same instance, and only the keys of an instance that has left move. Weights
 * are shares of the keys.
 */
export function consistentHash(): BalancingStrategy {
  const seeds = new LRUCache<string, number>({ max: MAX_KNOWN })
  const seedOf = (url: string) => {
    const found = seeds.get(url) ?? fnv1a(url)
    seeds.set(url, found)
    return found
  }
  return (candidates, keyOf) => {
    const key = fnv1a(keyOf())
    let chosen = candidates[0]
    let highest = Number.NEGATIVE_INFINITY
    for (const candidate of candidates) {
      const share = (mix(key ^ seedOf(candidate.url)) + 0.5) / 2 ** 32
      const score = candidate.weight / -Math.log(share)
      if (score <= highest) continue
      highest = score
      chosen = candidate
    }
    return chosen
  }
}

/** FNV-1a, 32 bits. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}

/** The finalizer of MurmurHash3: every bit of what goes in changes half of what comes out. */
function mix(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
