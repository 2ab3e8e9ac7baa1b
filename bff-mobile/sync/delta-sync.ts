// Delta sync for a copy of the caller's orders on the phone: one gateway query, read from the orders' own read model.

import type { Pages } from '#bff/pages/pages.ts'
import { decodeSyncCursor, encodeSyncCursor, type SyncState } from '#bff-mobile/sync/sync-cursor.ts'
import { FINISHED, listedSince, syncDelta } from '#bff-mobile/sync/sync-delta.ts'
import { localizationOf } from '#bff-mobile/views/localization.ts'
import { orderCard } from '#bff-mobile/views/order-view.ts'
import { requireRole } from '#platform/auth/viewer.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { ResolversParentTypes } from '#schema/generated/bff-mobile.ts'
import { OrdersChangedDocument, type OrdersChangedQuery } from '#schema/generated/bff-mobile-operations.ts'

type Asked = { readonly cursor: string | null; readonly first: number }

/**
 * No cursor is ever too old: changes are kept with the orders. What left the list by age is found by the time in the
 * cursor; more than 100 of those at once, and the copy begins anew, which costs a second query.
 */
export async function changesSince(
  pages: Pages,
  { cursor, first }: Asked,
  context: RequestContext,
): Promise<ResolversParentTypes['OrderChanges']> {
  const { subject } = requireRole(context.viewer, 'customer')
  const nowS = Math.floor(Date.now() / 1000)
  const since = cursor === null ? undefined : decodeSyncCursor(subject, cursor, nowS)
  const heard = await pages.positions() // before the read, which shows all of it
  const asked = await ask(pages, { since, first, nowS }, context)
  const isTooMuch = asked.left?.pageInfo.hasNextPage === true
  const from = isTooMuch ? undefined : since
  const answer = isTooMuch ? await ask(pages, { since: from, first, nowS }, context) : asked

  const { changed, removed, next } = syncDelta({ from, answer, heard, nowS })
  const texts = localizationOf(context)
  return {
    changed: changed.map(order => orderCard(order, texts)),
    removed,
    cursor: encodeSyncCursor(subject, next),
    hasMore: answer.orderChanges.hasMore,
    reset: from === undefined,
  }
}

/** In the caller's name: a customer gets its own orders only. */
async function ask(
  pages: Pages,
  { since, first, nowS }: { since: SyncState | undefined; first: number; nowS: number },
  context: RequestContext,
): Promise<OrdersChangedQuery> {
  const withLeft = since !== undefined && since.prunedTo < nowS
  const left = withLeft
    ? { status: FINISHED, placedFrom: listedSince(since.prunedTo), placedTo: listedSince(nowS) }
    : null
  const after = String(since?.positions.orders ?? 0)
  try {
    return await pages.run(OrdersChangedDocument, { after, first, left, withLeft }, context)
  } catch (error) {
    if (!(error instanceof CallerError) || error.details.field !== 'after') throw error
    throw new CallerError('BAD_USER_INPUT', 'cursor: it is unknown: nothing stands there yet', {
      field: 'cursor',
    })
  }
}
