// Delta sync for a copy of the caller's orders on the phone: what changed, and what left the list. One gateway query.

import type { Feed } from '#bff-mobile/live.ts'
import { orderCard } from '#bff-mobile/screens.ts'
import { decodeSyncCursor, encodeSyncCursor, type SyncState } from '#bff-mobile/sync-cursor.ts'
import { textsOf } from '#bff-mobile/texts.ts'
import { requireRole } from '#platform/auth/viewer.ts'
import type { Pages } from '#platform/bff/pages.ts'
import type { Vector } from '#platform/cache/cache.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { decodeCursor } from '#platform/live/cursor.ts'
import type { OrderChanges } from '#schema/generated/bff-mobile.ts'
import {
  type OrderStatus,
  OrdersChangedDocument,
  type OrdersChangedQuery,
} from '#schema/generated/bff-mobile-operations.ts'

/** How long an order that is finished stays in the list, from the day that it was placed. */
export const LISTED_DAYS = 400
const FINISHED: readonly OrderStatus[] = ['COMPLETED', 'CANCELLED', 'RETURNED']
const DAY_S = 24 * 3600
/** Clocks of two machines differ by less. */
const CLOCK_SKEW_S = 3600

type ChangedOrder = OrdersChangedQuery['orderChanges']['nodes'][number]
type Asked = { readonly cursor: string | null; readonly first: number }

/**
 * Changes are listed from the orders' own read model, so that no cursor is ever too old. What left the list by age is
 * found by the time in the cursor; more than 100 of those at once, and the copy begins anew.
 */
export async function changesSince(
  pages: Pages,
  feed: Feed,
  { cursor, first }: Asked,
  context: RequestContext,
  nowS = Math.floor(Date.now() / 1000),
): Promise<OrderChanges> {
  const { subject } = requireRole(context.viewer, 'customer')
  const since = cursor === null ? undefined : decodeSyncCursor(subject, cursor, nowS)
  const heard = await heardBy(feed, subject) // before the read, which shows all of it
  const asked = await ask(pages, { since, first, nowS }, context)
  const isTooMuch = since !== undefined && asked.left?.pageInfo.hasNextPage === true
  const from = isTooMuch ? undefined : since
  const answer = isTooMuch ? await ask(pages, { since: from, first, nowS }, context) : asked

  const { nodes, hasMore } = answer.orderChanges
  const next = nextState(from, answer.orderChanges, { heard, nowS })
  const changed = nodes.filter(order => isListed(order, nowS))
  const texts = textsOf(context)
  return {
    changed: changed.map(order => orderCard(order, texts)),
    removed: from ? removedOf(from, answer, changed, nowS) : [],
    cursor: encodeSyncCursor(subject, next),
    hasMore: hasMore && ordersIn(next.positions) > ordersIn(from?.positions),
    reset: from === undefined,
  }
}

/** A subscription without a cursor begins with one: it stands for all that this process has heard. */
async function heardBy(feed: Feed, customer: string): Promise<Vector> {
  const changes = await feed.watch({ scope: { customer }, present: async () => [] })
  try {
    const { done, value } = await changes.next()
    if (done) throw new CallerError('UNAVAILABLE', 'the changes of orders cannot be followed at the moment')
    return decodeCursor({ customer }, value.cursor)
  } finally {
    await changes.return?.()
  }
}

async function ask(
  pages: Pages,
  { since, first, nowS }: { since: SyncState | undefined; first: number; nowS: number },
  context: RequestContext,
): Promise<OrdersChangedQuery> {
  const withLeft = since !== undefined && since.prunedTo < nowS
  const left = withLeft
    ? { status: FINISHED, placedFrom: edgeOf(since.prunedTo), placedTo: edgeOf(nowS) }
    : null
  const after = String(ordersIn(since?.positions))
  try {
    return await pages.run(OrdersChangedDocument, { after, first, left, withLeft }, context)
  } catch (error) {
    if (!(error instanceof CallerError) || error.details.field !== 'after') throw error
    throw new CallerError('BAD_USER_INPUT', 'cursor: it is unknown: nothing stands there yet', {
      field: 'cursor',
    })
  }
}

/** When an order was placed that leaves the list at `seconds`. */
function edgeOf(seconds: number): string {
  return new Date((seconds - LISTED_DAYS * DAY_S) * 1000).toISOString()
}

function isListed({ status, placedAt }: ChangedOrder, nowS: number): boolean {
  return !FINISHED.includes(status) || placedAt >= edgeOf(nowS)
}

function ordersIn(positions: Vector | undefined): number {
  return positions?.orders ?? 0
}

/**
 * It never passes what the bus has told here: live changes go on behind it. What the read showed past that comes once
 * more.
 */
function nextState(
  from: SyncState | undefined,
  { position, hasMore }: OrdersChangedQuery['orderChanges'],
  { heard, nowS }: { heard: Vector; nowS: number },
): SyncState {
  const positions: Record<string, number> = { ...from?.positions }
  const reached: Vector = { ...heard, orders: Math.min(Number(position), ordersIn(heard)) }
  for (const [topic, at] of Object.entries(reached)) positions[topic] = Math.max(positions[topic] ?? 0, at)
  const fillingSince = from ? from.fillingSince : nowS
  return {
    positions,
    prunedTo: Math.max(from?.prunedTo ?? 0, nowS),
    ...(hasMore && fillingSince !== undefined && { fillingSince }),
  }
}

function removedOf(
  from: SyncState,
  { orderChanges, left }: OrdersChangedQuery,
  changed: readonly ChangedOrder[],
  nowS: number,
): string[] {
  const ended = orderChanges.nodes.filter(order => !isListed(order, nowS) && mayBeHeld(order, from))
  const ids = new Set([...ended, ...(left?.nodes ?? [])].map(({ id }) => id))
  for (const { id } of changed) ids.delete(id) // it ended between the two reads: the next change says so
  return [...ids]
}

/** While a copy is filled for the first time, an order that has not changed since that began was not listed before. */
function mayBeHeld({ updatedAt }: ChangedOrder, { fillingSince }: SyncState): boolean {
  return fillingSince === undefined || Date.parse(updatedAt) / 1000 > fillingSince - CLOCK_SKEW_S
}
