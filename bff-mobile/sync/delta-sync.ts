// Delta sync: brings a phone's copy of the caller's orders up to date with one gateway query.
import type { Pages } from '#bff/pages/pages.ts'
import { decodeSyncCursor, encodeSyncCursor, type SyncState } from '#bff-mobile/sync/sync-cursor.ts'
import { FINISHED, listedSince, syncDelta } from '#bff-mobile/sync/sync-delta.ts'
import { requireRole } from '#platform/auth/viewer.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { ResolversParentTypes } from '#schema/generated/bff-mobile.ts'
import { OrdersChangedDocument, type OrdersChangedQuery } from '#schema/generated/bff-mobile-operations.ts'

/** The number of changed orders to read, and whether with their details. */
type Asked = { readonly first: number; readonly details: boolean }

/**
 * Returns what has changed since the cursor, which is never too old: changes are kept with the orders. Orders that left
 * the list by age are found by the time in the cursor; if they are more than 100, the copy begins anew with a second query.
 */
export async function changesSince(
  pages: Pages,
  { cursor, ...asked }: Asked & { readonly cursor: string | null },
  context: RequestContext,
): Promise<ResolversParentTypes['OrderChanges']> {
  const { subject } = requireRole(context.viewer, 'customer')
  const nowS = Math.floor(Date.now() / 1000)
  const since = cursor === null ? undefined : decodeSyncCursor(subject, cursor, nowS)
  const received = await pages.positions() // before the query, which shows everything up to here
  const firstAnswer = await queryChanges(pages, { since, nowS, ...asked }, context)
  const isTooMuch = firstAnswer.left?.pageInfo.hasNextPage === true
  const from = isTooMuch ? undefined : since
  const answer = isTooMuch ? await queryChanges(pages, { since: from, nowS, ...asked }, context) : firstAnswer

  const { changed, removed, next } = syncDelta({ from, answer, received, nowS })
  return {
    changed,
    removed,
    cursor: encodeSyncCursor(subject, next),
    hasMore: answer.orderChanges.hasMore,
    reset: from === undefined,
  }
}

/** Queries in the caller's name, so that a customer gets its own orders only. */
async function queryChanges(
  pages: Pages,
  { since, first, details, nowS }: Asked & { readonly since: SyncState | undefined; readonly nowS: number },
  context: RequestContext,
): Promise<OrdersChangedQuery> {
  const withLeft = since !== undefined && since.prunedTo < nowS
  const left = withLeft
    ? { status: FINISHED, placedFrom: listedSince(since.prunedTo), placedTo: listedSince(nowS) }
    : null
  const after = String(since?.positions.orders ?? 0)
  try {
    return await pages.run(OrdersChangedDocument, { after, first, left, withLeft, details }, context)
  } catch (error) {
    if (!(error instanceof CallerError) || error.details.field !== 'after') throw error
    throw new CallerError('BAD_USER_INPUT', 'cursor: it is unknown: nothing stands there yet', {
      field: 'cursor',
    })
  }
}
