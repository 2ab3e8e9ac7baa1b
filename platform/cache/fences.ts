// Invalidation fences: the position of the last change of each tag, below which no cached value is trusted.
import {
  covers,
  mergePositions,
  NO_POSITIONS,
  type PositionVector,
} from '#platform/consistency/position-vector.ts'

export type Fences = {
  /** Records a change of `tag`. Repeats and changes in any order leave the furthest position of each topic. */
  raise(tag: string, change: PositionVector): void
  /** Returns whether a value with these tags that contains `at` lacks none of the recorded changes. */
  admits(tags: readonly string[], at: PositionVector): boolean
  /** Returns a count of changes, to compare with later by `changedSince`. */
  moment(): number
  /** Returns whether one of the tags may have changed after `moment`. */
  changedSince(tags: readonly string[], moment: number): boolean
  /** Forgets every tag, and admits only what contains `floor` from now on. */
  restart(floor: PositionVector): void
}

/** `moment` is that of the last change. */
type Fence = { change: PositionVector; moment: number }

/** About 20 MB. */
const MAX_TAGS = 65_536

/**
 * The tags that changed longest ago share one fence: the furthest position of them all. A value must pass it for every
 * tag that has no fence of its own, so that forgetting a tag costs loads and never serves what has changed.
 */
export function createFences(maxTags = MAX_TAGS): Fences {
  const fences = new Map<string, Fence>() // in the order of their last change
  let floor: Fence = { change: NO_POSITIONS, moment: 0 }
  let moment = 0

  function forgetOldest(): void {
    for (const [tag, fence] of fences) {
      floor = {
        change: mergePositions(floor.change, fence.change),
        moment: Math.max(floor.moment, fence.moment),
      }
      fences.delete(tag)
      return
    }
  }

  return {
    raise(tag, change) {
      const known = fences.get(tag) ?? floor
      moment += 1
      fences.delete(tag)
      fences.set(tag, { change: mergePositions(known.change, change), moment })
      if (fences.size > maxTags) forgetOldest()
    },
    admits: (tags, at) => tags.every(tag => covers(at, (fences.get(tag) ?? floor).change)),
    moment: () => moment,
    changedSince: (tags, since) => tags.some(tag => (fences.get(tag) ?? floor).moment > since),
    restart(bound) {
      moment += 1
      fences.clear()
      floor = { change: bound, moment }
    },
  }
}
