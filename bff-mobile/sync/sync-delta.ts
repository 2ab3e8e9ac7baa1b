// Computes one step of delta sync: what a phone's copy has to change, and its state afterwards.
import type { SyncState } from '#bff-mobile/sync/sync-cursor.ts'
import { mergePositions, type PositionVector } from '#platform/consistency/position-vector.ts'
import type { OrderStatus, OrdersChangedQuery } from '#schema/generated/bff-mobile-operations.ts'

/** How long a finished order stays in the list after it was placed. */
export const LISTED_DAYS = 400
export const FINISHED: readonly OrderStatus[] = ['COMPLETED', 'CANCELLED', 'RETURNED']
const DAY_S = 24 * 3600
/** The clocks of two machines differ by less than this. */
const CLOCK_SKEW_S = 3600

type Changes = OrdersChangedQuery['orderChanges']
type ChangedOrder = Changes['nodes'][number]

export type SyncInput = {
  /** The state of the copy; undefined when it begins anew. */
  readonly from: SyncState | undefined
  readonly answer: OrdersChangedQuery
  /** How far the bus was received before `answer` was queried. */
  readonly received: PositionVector
  readonly nowS: number
}

type SyncDelta = {
  readonly changed: readonly ChangedOrder[]
  readonly removed: readonly string[]
  readonly next: SyncState
}

export function syncDelta({ from, answer, received, nowS }: SyncInput): SyncDelta {
  const { nodes } = answer.orderChanges
  const changed = nodes.filter(order => isListed(order, nowS))
  const ended = nodes.filter(order => !isListed(order, nowS) && mayBeHeld(order, from))
  const removed = new Set([...ended, ...(answer.left?.nodes ?? [])].map(({ id }) => id))
  for (const { id } of changed) removed.delete(id) // it ended between two reads, and its next change removes it
  return { changed, removed: [...removed], next: nextState(from, answer.orderChanges, { received, nowS }) }
}

/** Returns when the oldest finished order that is listed at `seconds` was placed. */
export function listedSince(seconds: number): string {
  return new Date((seconds - LISTED_DAYS * DAY_S) * 1000).toISOString()
}

function isListed({ status, placedAt }: ChangedOrder, nowS: number): boolean {
  return !FINISHED.includes(status) || placedAt >= listedSince(nowS)
}

/** Returns whether the copy may hold the order. While it is first filled, it holds only orders that changed since that began. */
function mayBeHeld({ updatedAt }: ChangedOrder, from: SyncState | undefined): boolean {
  if (!from) return false
  const { fillingSince } = from
  return fillingSince === undefined || Date.parse(updatedAt) / 1000 > fillingSince - CLOCK_SKEW_S
}

/**
 * Returns the state after this step. The last page's cursor stays within what the bus has delivered, because live changes
 * resume after it: what the query showed past that comes once more.
 */
function nextState(
  from: SyncState | undefined,
  { position, hasMore }: Changes,
  { received, nowS }: Pick<SyncInput, 'received' | 'nowS'>,
): SyncState {
  const shown = Number(position)
  const reached = { ...received, orders: hasMore ? shown : Math.min(shown, received.orders ?? 0) }
  const fillingSince = from ? from.fillingSince : nowS
  return {
    positions: mergePositions(from?.positions ?? {}, reached),
    prunedTo: Math.max(from?.prunedTo ?? 0, nowS),
    ...(hasMore && fillingSince !== undefined && { fillingSince }),
  }
}
