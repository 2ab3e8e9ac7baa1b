// Remembers the positions that each caller's commands reached, so that the caller's next query shows them.
import { LRUCache } from 'lru-cache'
import type { Viewer } from '#platform/auth/viewer.ts'
import { mergePositions, NO_POSITIONS, type PositionVector } from '#platform/consistency/position-vector.ts'

export type ReadYourWrites = {
  record(viewer: Viewer | undefined, positions: PositionVector): void
  /** Returns what `viewer` must see: the positions that it sent, and those that its commands reached in this process. */
  required(viewer: Viewer | undefined, sent: PositionVector): PositionVector
}

const MAX_CALLERS = 20_000
/** After this, every view has caught up, or its service reports that it has not. */
const REMEMBERED_MS = 60_000

export function createReadYourWrites(): ReadYourWrites {
  const reached = new LRUCache<string, PositionVector>({ max: MAX_CALLERS, ttl: REMEMBERED_MS })
  return {
    record(viewer, positions) {
      if (!viewer) return
      const before = reached.get(viewer.subject) ?? NO_POSITIONS
      reached.set(viewer.subject, mergePositions(before, { ...positions }))
    },
    required(viewer, sent) {
      const own = viewer && reached.get(viewer.subject)
      return own ? mergePositions(sent, own) : sent
    },
  }
}
