// Position vectors: how far somebody has read each service's events, compared and merged.

/** Position by service or topic. One that is not named is at 0. */
export type PositionVector = Readonly<Record<string, number>>

export const NO_POSITIONS: PositionVector = Object.freeze({})

/** Returns whether `vector` has come as far as `other` in every topic. */
export function covers(vector: PositionVector, other: PositionVector): boolean {
  for (const topic in other) if ((other[topic] ?? 0) > (vector[topic] ?? 0)) return false
  return true
}

/** Returns whether every topic of `other` is reached by one of the two. */
export function coverTogether(one: PositionVector, two: PositionVector, other: PositionVector): boolean {
  for (const topic in other) {
    const position = other[topic] ?? 0
    if (position > (one[topic] ?? 0) && position > (two[topic] ?? 0)) return false
  }
  return true
}

/** Returns the greatest position of each topic; the very same vector where one covers the other. */
export function mergePositions(one: PositionVector, two: PositionVector): PositionVector {
  if (covers(one, two)) return one
  if (covers(two, one)) return two
  const merged: Record<string, number> = { ...one }
  for (const topic in two) raisePosition(merged, topic, two[topic] ?? 0)
  return merged
}

/** Raises the position of one topic in place; never lowers it. */
export function raisePosition(vector: Record<string, number>, topic: string, position: number): void {
  if (position > (vector[topic] ?? 0)) vector[topic] = position
}
