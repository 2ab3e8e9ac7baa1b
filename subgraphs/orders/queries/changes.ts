// What changed since a position, and which orders there are: for copies that are kept elsewhere. Free of rules about orders.
import { requireRole } from '#platform/auth/viewer.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { checkId, checkInt, malformed } from '#platform/subgraph/input.ts'
import type { OrderChanges, QueryOrderChangesArgs, QueryOrderIdsArgs } from '#schema/generated/orders.ts'
import type { OrdersDesk } from '#subgraphs/orders/commands/dependencies.ts'
import type { PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import { ownOrders } from '#subgraphs/orders/queries/loaders.ts'

type Changes = Omit<OrderChanges, 'nodes'> & { readonly nodes: readonly PlacedOrder[] }

export type ChangesDesk = Pick<OrdersDesk, 'shown' | 'head'> & {
  readonly views: Pick<OrdersDesk['views'], 'orders'>
}

const MOST_CHANGES = 500
const MOST_IDS = 10_000
const POSITION = /^\d{1,15}$/

export function changes(desk: ChangesDesk) {
  return {
    orderChanges: (_: unknown, args: QueryOrderChangesArgs, context: RequestContext) =>
      orderChanges(desk, args, context),
    orderIds(_: unknown, { after, first }: QueryOrderIdsArgs, { viewer }: RequestContext) {
      requireRole(viewer, 'service')
      const from = after ? checkId('after', 'order', after) : ''
      return desk.views.orders.ids(from, checkInt('first', first ?? MOST_IDS, 1, MOST_IDS))
    },
  }
}

/**
 * The view is written document by document, so that a later change may show before an earlier one: the position never
 * passes what surely shows. Later changes are listed all the same, and may come again, so that a caller always finds
 * what it asked to see.
 */
async function orderChanges(
  desk: ChangesDesk,
  { after, first }: QueryOrderChangesArgs,
  { viewer }: RequestContext,
): Promise<Changes> {
  const own = ownOrders(viewer)
  const limit = checkInt('first', first ?? 100, 1, MOST_CHANGES)
  const from = checkPosition(after)
  const shown = await desk.shown() // before the documents are read
  if (from > shown && from > (await desk.head()))
    malformed('after', 'a position that was reached already', after)
  const { items, hasNext } = await desk.views.orders.find({
    where: [...own, { path: 'changedAt', from: from + 1 }],
    orderBy: { path: 'changedAt' },
    limit,
  })
  const last = items.at(-1)?.doc.changedAt
  const reached = hasNext && last !== undefined ? Math.min(last, shown) : shown
  const position = Math.max(from, reached)
  return {
    nodes: items.map(({ doc }) => doc),
    position: String(position),
    hasMore: hasNext && position > from, // while it cannot go on yet, asking at once again would not help
  }
}

function checkPosition(text: string): number {
  return POSITION.test(text) ? Number(text) : malformed('after', 'a whole number of at most 15 digits', text)
}
