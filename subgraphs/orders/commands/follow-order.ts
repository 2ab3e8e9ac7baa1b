// Follows one order until it has come far enough, or time is up. Free of I/O but for the watch it is given.

import type { Watch } from '#subgraphs/orders/commands/order-watch.ts'
import { evolve, type PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import { orderEventOf } from '#subgraphs/orders/queries/views.ts'

/** An order after `version` events; `position` is that of the store which shows it so, or a later one. */
export type Known = { readonly order: PlacedOrder; readonly version: number; readonly position: number }

/**
 * The order once `isSettled`, or as it is at `deadline` (milliseconds since 1970); at once without a watch. The watch
 * must have begun before `known` was read.
 */
export async function settle(
  watch: Watch | undefined,
  known: Known,
  isSettled: (order: PlacedOrder) => boolean,
  deadline: number,
): Promise<Known> {
  let now = known
  while (watch && !isSettled(now.order)) {
    const recorded = await watch.next(deadline)
    if (!recorded) return now
    if (recorded.version !== now.version + 1) continue // seen already
    const event = orderEventOf(recorded)
    const order = event ? evolve(now.order, event) : now.order
    if (order.status === 'ABSENT') return now
    now = { order, version: recorded.version, position: Math.max(now.position, recorded.position) }
  }
  return now
}
