// What has changed: the last change of each tag, by position. Decides what may be trusted. Free of values and clocks.
import {
  covers,
  mergePositions,
  NO_POSITIONS,
  type PositionVector,
} from '#platform/consistency/position-vector.ts'
export type Fences = {
  /** A change of `tag`. Repeats and changes in any order leave the furthest of each topic. */
  raise(tag: string, change: PositionVector): void
  /** Whether a value with these tags that contains `at` lacks no change that was raised. */
  admits(tags: readonly string[], at: PositionVector): boolean
  /** A moment to ask `changedSince` about; rises with every change. */
  moment(): number
  /** Whether one of the tags may have changed after `moment`. */
  changedSince(tags: readonly string[], moment: number): boolean
  /** Forgets every tag. From now on nothing is admitted that does not contain `floor`. */
  restart(floor: PositionVector): void
}

/** `moment` is when it was raised. */
type Fence = { change: PositionVector; moment: number }

/** About 20 MB. */
const MAX_TAGS = 65_536

/**
 * Of the tags that changed longest ago only this is kept: how far any of them can have changed. A value is held to
 * that bound for every tag that is not known by itself, so that forgetting costs loads, never truth.
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
