// One step of delta sync: what a phone's copy has to change, and how far it is then. Pure.
import type { SyncState } from '#bff-mobile/sync/sync-cursor.ts'
import { mergePositions, type PositionVector } from '#platform/consistency/position-vector.ts'
import type { OrderStatus, OrdersChangedQuery } from '#schema/generated/bff-mobile-operations.ts'

/** How long an order that is finished stays in the list, from the day that it was placed. */
export const LISTED_DAYS = 400
export const FINISHED: readonly OrderStatus[] = ['COMPLETED', 'CANCELLED', 'RETURNED']
const DAY_S = 24 * 3600
/** Clocks of two machines differ by less. */
const CLOCK_SKEW_S = 3600

type Changes = OrdersChangedQuery['orderChanges']
type ChangedOrder = Changes['nodes'][number]

export type SyncInput = {
  /** Where the copy stands; undefined when it begins anew. */
  readonly from: SyncState | undefined
  readonly answer: OrdersChangedQuery
  /** What the bus had told before `answer` was asked for. */
  readonly heard: PositionVector
  readonly nowS: number
}

export type SyncDelta = {
  readonly changed: readonly ChangedOrder[]
  readonly removed: readonly string[]
  readonly next: SyncState
}

export function syncDelta({ from, answer, heard, nowS }: SyncInput): SyncDelta {
  const { nodes } = answer.orderChanges
  const changed = nodes.filter(order => isListed(order, nowS))
  const ended = nodes.filter(order => !isListed(order, nowS) && mayBeHeld(order, from))
  const removed = new Set([...ended, ...(answer.left?.nodes ?? [])].map(({ id }) => id))
  for (const { id } of changed) removed.delete(id) // it ended between two reads: its next change says so
  return { changed, removed: [...removed], next: nextState(from, answer.orderChanges, { heard, nowS }) }
}

/** When an order was placed that leaves the list at `seconds`, unless it is not finished then. */
export function listedSince(seconds: number): string {
  return new Date((seconds - LISTED_DAYS * DAY_S) * 1000).toISOString()
}

function isListed({ status, placedAt }: ChangedOrder, nowS: number): boolean {
  return !FINISHED.includes(status) || placedAt >= listedSince(nowS)
}

/** While a copy is filled for the first time, an order that did not change since that began was not given before. */
function mayBeHeld({ updatedAt }: ChangedOrder, from: SyncState | undefined): boolean {
  if (!from) return false
  const { fillingSince } = from
  return fillingSince === undefined || Date.parse(updatedAt) / 1000 > fillingSince - CLOCK_SKEW_S
}

/**
 * The last page's cursor does not pass what the bus has told, because live changes go on behind it: what the read
 * showed past that comes once more.
 */
function nextState(
  from: SyncState | undefined,
  { position, hasMore }: Changes,
  { heard, nowS }: Pick<SyncInput, 'heard' | 'nowS'>,
): SyncState {
  const shown = Number(position)
  const reached = { ...heard, orders: hasMore ? shown : Math.min(shown, heard.orders ?? 0) }
  const fillingSince = from ? from.fillingSince : nowS
  return {
    positions: mergePositions(from?.positions ?? {}, reached),
    prunedTo: Math.max(from?.prunedTo ?? 0, nowS),
    ...(hasMore && fillingSince !== undefined && { fillingSince }),
  }
}
