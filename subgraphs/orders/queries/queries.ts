// The queries of orders: authorise, check, read, map. Free of rules about orders.
import { mayActFor, requireRole, requireViewer } from '#platform/auth/viewer.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { Filter, Page } from '#platform/read-models/read-models.ts'
import { checkCount, checkId, checkInt } from '#platform/subgraph/input.ts'
import type {
  OrderFilter,
  QueryCustomerArgs,
  QueryOrderArgs,
  QueryOrderAsOfArgs,
  QueryOrdersArgs,
  QueryOrdersByIdArgs,
} from '#schema/generated/orders.ts'
import type { OrdersDesk } from '#subgraphs/orders/commands/dependencies.ts'
import { isKnownAt, type OrderStatus, type PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import { loadCustomer, loadOrder, ownOrders, visibleOrder } from '#subgraphs/orders/queries/loaders.ts'
import { noTotals, TOTALS_ID } from '#subgraphs/orders/queries/views.ts'

const MAX_PAGE = 100

export function queries(desk: OrdersDesk) {
  return {
    async order(_: unknown, { id }: QueryOrderArgs, context: RequestContext) {
      const viewer = requireViewer(context.viewer)
      return visibleOrder(await loadOrder(desk, context, checkId('id', 'order', id)), viewer)
    },
    async ordersById(_: unknown, { ids }: QueryOrdersByIdArgs, context: RequestContext) {
      const viewer = requireViewer(context.viewer)
      const asked = checkCount('ids', ids, 1, MAX_PAGE).map((id, at) => checkId(`ids[${at}]`, 'order', id))
      const found = await Promise.all(asked.map(id => loadOrder(desk, context, id)))
      return found.map(order => visibleOrder(order, viewer))
    },
    orders(_: unknown, { filter, ...page }: QueryOrdersArgs, { viewer }: RequestContext) {
      return findOrders(desk, [...ownOrders(viewer), ...filters(filter ?? {})], page)
    },
    orderAsOf: (_: unknown, args: QueryOrderAsOfArgs, context: RequestContext) =>
      orderAsOf(desk, args, context),
    async customer(_: unknown, { id }: QueryCustomerArgs, context: RequestContext) {
      const viewer = requireViewer(context.viewer)
      const customerId = checkId('id', 'customer', id)
      return mayActFor(viewer, customerId) ? loadCustomer(desk, context, customerId) : null
    },
    async me(_: unknown, __: unknown, context: RequestContext) {
      const { role, subject } = requireViewer(context.viewer)
      return role === 'customer' ? loadCustomer(desk, context, subject) : null
    },
    async orderTotals(_: unknown, __: unknown, { viewer }: RequestContext) {
      requireRole(viewer, 'support', 'ops', 'service')
      const { counts, placed, cancelled } = (await desk.views.totals.get(TOTALS_ID)) ?? noTotals
      return {
        byStatus: STATUSES.map(status => ({ status, count: counts[status] ?? 0 })),
        placed: amounts(placed),
        cancelled: amounts(cancelled),
      }
    },
  }
}

const STATUSES: readonly OrderStatus[] = [
  'PLACED',
  'CONFIRMED',
  'PARTIALLY_SHIPPED',
  'SHIPPED',
  'DELIVERED',
  'COMPLETED',
  'CANCELLED',
  'RETURNED',
]

function amounts(sums: Readonly<Record<string, number>>) {
  return Object.entries(sums)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([currency, minor]) => ({ minor, currency }))
}

function filters({ text, status, customerId, placedFrom, placedTo }: OrderFilter): Filter[] {
  const found: Filter[] = []
  if (customerId)
    found.push({ path: 'customer.id', equals: checkId('filter.customerId', 'customer', customerId) })
  if (status) found.push({ path: 'status', in: status })
  if (placedFrom || placedTo)
    found.push({
      path: 'placedAt',
      ...(placedFrom && { from: placedFrom }),
      ...(placedTo && { to: placedTo }),
    })
  if (text?.trim()) found.push({ matching: text })
  return found
}

export type PageArguments = { readonly first?: number | null; readonly after?: string | null }

/** Newest first. */
export async function findOrders(desk: OrdersDesk, where: readonly Filter[], page: PageArguments) {
  const { first, after } = page
  const found = await desk.views.orders.find({
    where,
    orderBy: { path: 'placedAt', descending: true },
    limit: checkInt('first', first ?? 20, 1, MAX_PAGE),
    ...(after && { after }),
  })
  return connection(found)
}

function connection(page: Page<PlacedOrder>) {
  return {
    nodes: page.items.map(({ doc }) => doc),
    edges: page.items.map(({ doc, cursor }) => ({ cursor, node: doc })),
    pageInfo: { hasNextPage: page.hasNext, endCursor: page.items.at(-1)?.cursor ?? null },
  }
}

async function orderAsOf(desk: OrdersDesk, { id, at }: QueryOrderAsOfArgs, { viewer }: RequestContext) {
  const known = requireViewer(viewer)
  const orderId = checkId('id', 'order', id)
  const { state, version } = await desk.orders.loadWhile(orderId, order => isKnownAt(order, at))
  if (state.status === 'ABSENT' || !visibleOrder(state, known)) return null
  const { status, awaitingApproval, lines, total } = state
  return { id, at, version, status, awaitingApproval, lines, total }
}
