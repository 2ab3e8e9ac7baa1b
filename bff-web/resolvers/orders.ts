// The queries of the web graph about orders and the customer.
import type { GraphQLResolveInfo } from 'graphql'
import type { Pages } from '#bff/pages/pages.ts'
import { checkOrderId, visibleOrder } from '#bff-web/resolvers/access.ts'
import { orderList, orderPage, pastOrder, profile } from '#bff-web/resolvers/order-pages.ts'
import { orderView, type Sections } from '#bff-web/resolvers/order-view.ts'
import { selects } from '#bff-web/resolvers/selection.ts'
import { requireViewer, type Viewer } from '#platform/auth/viewer.ts'
import { isId } from '#platform/domain/ids.ts'
import { failureOf } from '#platform/graphql/client/client.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type {
  OrderFilter,
  QueryOrderAsOfArgs,
  QueryOrdersArgs,
  QueryResolvers,
} from '#schema/generated/bff-web.ts'
import { OrderAsOfDocument, OrdersDocument, type OrdersQuery } from '#schema/generated/bff-web-operations.ts'

/** After this, every event of an instant is recorded, whatever the clocks of the services say. */
const SETTLED_AFTER_MS = 60_000
const DEFAULT_FIRST = 20

export function orderQueries(
  pages: Pages,
): Required<Pick<QueryResolvers, 'me' | 'orderPage' | 'orders' | 'orderAsOf'>> {
  return {
    async me(_root, _args, context) {
      const { role, subject } = requireViewer(context.viewer)
      if (role !== 'customer' || !isId('customer', subject)) return null
      return (await pages.read(profile, { id: subject }, context)).data?.customer ?? null
    },
    async orderPage(_root, args, context, info) {
      const viewer = requireViewer(context.viewer)
      const id = checkOrderId(args.id)
      const { data, errors } = await pages.read(orderPage, { id, ...sectionsIn(info) }, context)
      const order = visibleOrder(data?.order, viewer)
      return order ? orderView(order, errors) : null
    },
    orders: (_root, args, context) => readOrders(pages, args, context),
    orderAsOf: (_root, args, context) => orderAsOf(pages, args, context),
  }
}

function sectionsIn(info: GraphQLResolveInfo): Sections {
  return {
    products: selects(info, 'lines', 'product'),
    reservation: selects(info, 'reservation'),
    payments: selects(info, 'payments'),
    shipments: selects(info, 'shipments'),
  }
}

/** Returns a customer's own orders, or all orders for staff. */
export async function readOrders(
  pages: Pages,
  { filter, first, after }: Partial<QueryOrdersArgs>,
  context: RequestContext,
): Promise<OrdersQuery['orders']> {
  const viewer = requireViewer(context.viewer)
  const page = { first: first ?? DEFAULT_FIRST, after: after ?? null }
  if (asksForOthers(viewer, filter))
    return (await pages.run(OrdersDocument, { ...page, filter: filter ?? null }, context)).orders
  const owner = viewer.role === 'customer' ? viewer.subject : undefined
  const variables = { filter: canonical(filter, owner), ...page }
  const { data, errors } = await pages.read(orderList, variables, context)
  if (!data || errors[0]) throw failureOf(errors[0] ?? { message: 'no list of orders' }, 'gateway')
  return data.orders
}

/** Returns whether a customer's filter asks for other customers' orders: rare, so sent past the cache in the customer's name. */
function asksForOthers({ role, subject }: Viewer, filter: OrderFilter | null | undefined): boolean {
  if (role !== 'customer') return false
  return !isId('customer', subject) || (filter?.customerId ?? subject) !== subject
}

/** Returns equal filters in equal form, so that they share a cached page. */
function canonical(filter: OrderFilter | null | undefined, owner: string | undefined): OrderFilter {
  const { text, status, placedFrom, placedTo } = filter ?? {}
  const customerId = owner ?? filter?.customerId
  return {
    ...(text != null && { text }),
    ...(status != null && { status }),
    ...(customerId != null && { customerId }),
    ...(placedFrom != null && { placedFrom }),
    ...(placedTo != null && { placedTo }),
  }
}

async function orderAsOf(pages: Pages, { id, at }: QueryOrderAsOfArgs, context: RequestContext) {
  const viewer = requireViewer(context.viewer)
  const variables = { id: checkOrderId(id), at }
  if (Date.now() - Date.parse(at) < SETTLED_AFTER_MS)
    return (await pages.run(OrderAsOfDocument, variables, context)).orderAsOf ?? null
  const { data, errors } = await pages.read(pastOrder, variables, context)
  if (!visibleOrder(data?.order, viewer)) return null
  if (errors[0]) throw failureOf(errors[0], 'gateway')
  return data?.orderAsOf ?? null
}
