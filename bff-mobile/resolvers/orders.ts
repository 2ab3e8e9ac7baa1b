// The queries of the mobile graph about orders and the customer, and the reads that subscriptions share with them.
import type { Page, PageResult, Pages } from '#bff/pages/pages.ts'
import { checkOrderId, checkPageSize } from '#bff-mobile/resolvers/access.ts'
import { cardsPage, profilePage, screenPage } from '#bff-mobile/resolvers/pages.ts'
import { changesSince } from '#bff-mobile/sync/delta-sync.ts'
import { localizationOf } from '#bff-mobile/views/localization.ts'
import { type Failures, orderCard, orderScreen, type WholeOrder } from '#bff-mobile/views/order-view.ts'
import { isStaff, mayActFor, requireViewer } from '#platform/auth/viewer.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { RemoteError } from '#platform/graphql/client/client.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { isCallerCode } from '#platform/graphql/errors.ts'
import type { OrderSection, QueryResolvers } from '#schema/generated/bff-mobile.ts'
import type { OrderCardsQuery, OrderScreenQuery } from '#schema/generated/bff-mobile-operations.ts'

/** An order as its screen shows it, with the sections that could not be loaded. */
export type ScreenOrder = {
  readonly detail: 'page'
  readonly order: WholeOrder
  readonly failures: Failures
}

const MAX_PAGE_SIZE = 50
const MAX_CHANGES = 100

export function orderQueries(pages: Pages): Pick<QueryResolvers, 'orders' | 'order' | 'me' | 'changesSince'> {
  return {
    orders: async (_root, { first, after }, context) => {
      const page = { first: checkPageSize(first, 1, MAX_PAGE_SIZE), after: after ?? null }
      const { nodes, pageInfo } = await readVisibleOrders(pages, page, context)
      const localization = localizationOf(context)
      return { items: nodes.map(order => orderCard(order, localization)), next: nextCursor(pageInfo) }
    },
    order: async (_root, { id }, context) => {
      const found = await readVisibleOrder(pages, id, context)
      return found ? orderScreen(found.order, found.failures, localizationOf(context)) : null
    },
    me: async (_root, _args, context) => {
      const { role, subject } = requireViewer(context.viewer)
      if (role !== 'customer') return null
      return (await pages.read(profilePage, { id: subject }, context)).data?.customer ?? null
    },
    changesSince: (_root, { cursor, first }, context) =>
      changesSince(pages, { cursor: cursor ?? null, first: checkPageSize(first, 1, MAX_CHANGES) }, context),
  }
}

/** Returns undefined when there is no such order, or it is not the caller's. */
export async function readVisibleOrder(
  pages: Pages,
  id: string,
  context: RequestContext,
): Promise<ScreenOrder | undefined> {
  const viewer = requireViewer(context.viewer)
  const found = screenOrder(await pages.read(screenPage, { id: checkOrderId(id) }, context))
  return found && mayActFor(viewer, found.order.customer.id) ? found : undefined
}

/** Returns a customer's own orders, or all orders for staff, newest first. */
export async function readVisibleOrders(
  pages: Pages,
  { first, after }: { readonly first: number; readonly after: string | null },
  context: RequestContext,
): Promise<OrderCardsQuery['orders']> {
  const viewer = requireViewer(context.viewer)
  const filter = isStaff(viewer) ? null : { customerId: viewer.subject }
  const { orders } = requireData(await pages.read(cardsPage, { filter, first, after }, context), cardsPage)
  return { ...orders, nodes: orders.nodes.filter(({ customer }) => mayActFor(viewer, customer.id)) }
}

/** Returns the data of a page that always exists. Throws CallerError UNAVAILABLE when it could not be loaded. */
export function requireData<Result, Variables>(
  { data }: PageResult<Result>,
  { name }: Page<Result, Variables>,
): Result {
  if (data === undefined) throw new CallerError('UNAVAILABLE', `${name} cannot be loaded at the moment`)
  return data
}

/** Returns the cursor to ask for the next page with; null after the last page. */
export function nextCursor(page: {
  readonly hasNextPage: boolean
  readonly endCursor?: string | null
}): string | null {
  return page.hasNextPage ? (page.endCursor ?? null) : null
}

export function screenOrder({ data, errors }: PageResult<OrderScreenQuery>): ScreenOrder | undefined {
  return data?.order ? { detail: 'page', order: data.order, failures: failuresOf(errors) } : undefined
}

const SECTIONS: Readonly<Record<string, OrderSection>> = { payments: 'PAYMENTS', shipments: 'SHIPMENTS' }

/** Maps each error to the section of the order's field that failed. */
function failuresOf(errors: readonly RemoteError[]): Failures {
  const failures: Partial<Record<OrderSection, string>> = {}
  for (const { path, extensions } of errors) {
    const section = SECTIONS[String(path?.[1])]
    const code = extensions?.code
    if (section) failures[section] ??= isCallerCode(code) ? code : 'INTERNAL'
  }
  return failures
}
