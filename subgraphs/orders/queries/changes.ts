// Resolves the query of those who keep a copy of the orders: what changed since a position.
import type { RequestContext } from '#platform/graphql/context.ts'
import type { Filter, Page } from '#platform/read-models/read-models.ts'
import { checkInt, malformed } from '#platform/subgraph/input.ts'
import type { OrderChanges, QueryOrderChangesArgs } from '#schema/generated/orders.ts'
import type { PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import { ownOrders, type QueryDependencies } from '#subgraphs/orders/queries/loaders.ts'
import type { OrderDoc } from '#subgraphs/orders/queries/views.ts'

type Changes = Omit<OrderChanges, 'nodes'> & { readonly nodes: readonly PlacedOrder[] }

type ChangesDependencies = Pick<QueryDependencies, 'shown' | 'head'> & {
  readonly views: Pick<QueryDependencies['views'], 'orders'>
}

const MAX_CHANGES = 500
/** Staff's changes are looked for within so many positions at once, some thousand orders: all that are found are sorted. */
const SPAN = 20_000
/** After so many spans without an order, such as an import of customers leaves, the page is empty, and the next one goes on. */
const MOST_EMPTY_SPANS = 20
const POSITION = /^\d{1,15}$/

export function createChangeQueries(dependencies: ChangesDependencies) {
  return {
    orderChanges: (_: unknown, args: QueryOrderChangesArgs, context: RequestContext) =>
      orderChanges(dependencies, args, context),
  }
}

/**
 * The view is written document by document, so that a later change may show before an earlier one: the position never
 * passes what surely shows. Later changes are listed all the same, and may come again, so that a caller always finds
 * what it asked to see.
 */
async function orderChanges(
  dependencies: ChangesDependencies,
  { after, first }: QueryOrderChangesArgs,
  { viewer }: RequestContext,
): Promise<Changes> {
  const own = ownOrders(viewer)
  const limit = checkInt('first', first ?? 100, { min: 1, max: MAX_CHANGES })
  const from = checkPosition(after)
  const shown = await dependencies.shown() // before the documents are read
  if (from > shown && from > (await dependencies.head()))
    malformed('after', 'a position that was reached already', after)
  const { items, isCut, searchedTo } = await findChanges(dependencies, own, { from, shown, limit })
  const last = items.at(-1)?.doc.changedAt
  const reached = isCut && last !== undefined ? Math.min(last, searchedTo) : searchedTo
  const position = Math.max(from, reached)
  return {
    nodes: items.map(({ doc }) => doc),
    position: String(position),
    hasMore: (isCut || searchedTo < shown) && position > from, // while it cannot go on yet, asking at once again would not help
  }
}

type ChangedPage = Pick<Page<OrderDoc>, 'items'> & {
  /** True when there are more changes than the page has. */
  readonly isCut: boolean
  /** The page has every change up to here, unless it is cut. */
  readonly searchedTo: number
}

/** A customer's orders are found by their customer, and are few. Those of all are searched span by span while they are old. */
async function findChanges(
  { views }: ChangesDependencies,
  own: readonly Filter[],
  { from, shown, limit }: { readonly from: number; readonly shown: number; readonly limit: number },
): Promise<ChangedPage> {
  for (let after = from; ; after += SPAN) {
    const isOld = own.length === 0 && shown - after > SPAN
    const range = { path: 'changedAt', from: after + 1, ...(isOld && { to: after + SPAN + 1 }) }
    const page = await views.orders.find({ where: [...own, range], orderBy: { path: 'changedAt' }, limit })
    const searchedTo = isOld ? after + SPAN : shown
    const isEnough = !isOld || page.items.length > 0 || after - from >= MOST_EMPTY_SPANS * SPAN
    if (isEnough) return { items: page.items, isCut: await page.hasNext(), searchedTo }
  }
}

function checkPosition(text: string): number {
  return POSITION.test(text) ? Number(text) : malformed('after', 'a whole number of at most 15 digits', text)
}
