// Vectors of positions: compared, joined. Pure.
import type { Vector } from '#platform/cache/cache.ts'

export const NOWHERE: Vector = Object.freeze({})

/** Whether `vector` has come as far as `other` in every topic. */
export function contains(vector: Vector, other: Vector): boolean {
  for (const topic in other) if ((other[topic] ?? 0) > (vector[topic] ?? 0)) return false
  return true
}

/** Whether every topic of `other` is reached by one of the two. */
export function containsTogether(one: Vector, two: Vector, other: Vector): boolean {
  for (const topic in other) {
    const position = other[topic] ?? 0
    if (position > (one[topic] ?? 0) && position > (two[topic] ?? 0)) return false
  }
  return true
}

/** The furthest of both in every topic. Gives one of them back when it is that already. */
export function furthest(one: Vector, two: Vector): Vector {
  if (contains(one, two)) return one
  if (contains(two, one)) return two
  const merged: Record<string, number> = { ...one }
  for (const topic in two) merged[topic] = Math.max(merged[topic] ?? 0, two[topic] ?? 0)
  return merged
}
