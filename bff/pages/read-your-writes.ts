// What each caller was told of its own commands by this process, so that its next query shows them. Bounded, in memory.
import { LRUCache } from 'lru-cache'
import type { Viewer } from '#platform/auth/viewer.ts'
import { mergePositions, NO_POSITIONS, type PositionVector } from '#platform/consistency/position-vector.ts'

export type ReadYourWrites = {
  record(viewer: Viewer | undefined, positions: PositionVector): void
  /** What `viewer` must see: the token that it sent, and what it was told here. */
  required(viewer: Viewer | undefined, sent: PositionVector): PositionVector
}

const MAX_CALLERS = 20_000
/** By then every reader has caught up, or says that it has not. */
const REMEMBERED_MS = 60_000

export function createReadYourWrites(): ReadYourWrites {
  const told = new LRUCache<string, PositionVector>({ max: MAX_CALLERS, ttl: REMEMBERED_MS })
  return {
    record(viewer, positions) {
      if (viewer)
        told.set(viewer.subject, mergePositions(told.get(viewer.subject) ?? NO_POSITIONS, { ...positions }))
    },
    required(viewer, sent) {
      const known = viewer && told.get(viewer.subject)
      return known ? mergePositions(sent, known) : sent
    },
  }
}
