// What each caller was told of its own commands by this process, so that its next query shows them. Bounded, in memory.
import { LRUCache } from 'lru-cache'
import type { Viewer } from '#platform/auth/viewer.ts'
import { type ConsistencyToken, mergeTokens } from '#platform/graphql/consistency.ts'

export type RecentCommands = {
  acknowledged(viewer: Viewer | undefined, positions: ConsistencyToken): void
  /** What `viewer` must see: the token that it sent, and what it was told here. */
  required(viewer: Viewer | undefined, sent: ConsistencyToken): ConsistencyToken
}

const MAX_CALLERS = 20_000
/** By then every reader has caught up, or says that it has not. */
const REMEMBERED_MS = 60_000

export function createRecentCommands(): RecentCommands {
  const told = new LRUCache<string, ConsistencyToken>({ max: MAX_CALLERS, ttl: REMEMBERED_MS })
  return {
    acknowledged(viewer, positions) {
      if (viewer) told.set(viewer.subject, mergeTokens(told.get(viewer.subject) ?? {}, positions))
    },
    required(viewer, sent) {
      const known = viewer && told.get(viewer.subject)
      return known ? mergeTokens(sent, known) : sent
    },
  }
}
