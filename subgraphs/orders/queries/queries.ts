// Resolves the queries of orders: orders now and at a past instant, customers, and totals.
import { mayActFor, requireRole, requireViewer } from '#platform/auth/viewer.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { Filter } from '#platform/read-models/read-models.ts'
import { findConnection, sortedBy } from '#platform/subgraph/connection.ts'
import { checkCount, checkId } from '#platform/subgraph/input.ts'
import type {
  CustomerOrdersArgs,
  OrderFilter,
  QueryCustomerArgs,
  QueryOrderArgs,
  QueryOrderAsOfArgs,
  QueryOrdersArgs,
  QueryOrdersByIdArgs,
} from '#schema/generated/orders.ts'
import { ORDER_STATUSES } from '#subgraphs/orders/domain/events.ts'
import { isKnownAt } from '#subgraphs/orders/domain/order.ts'
import {
  loadCustomer,
  loadOrder,
  ownOrders,
  type QueryDependencies,
  visibleOrder,
} from '#subgraphs/orders/queries/loaders.ts'
import { noTotals, stages, TOTALS_ID } from '#subgraphs/orders/queries/views.ts'

/** Orders of one `ordersById`. */
const MAX_IDS = 100

export function createQueries(dependencies: QueryDependencies) {
  return {
    async order(_: unknown, { id }: QueryOrderArgs, context: RequestContext) {
      const viewer = requireViewer(context.viewer)
      return visibleOrder(await loadOrder(dependencies, context, checkId('id', 'order', id)), viewer)
    },
    async ordersById(_: unknown, { ids }: QueryOrdersByIdArgs, context: RequestContext) {
      const viewer = requireViewer(context.viewer)
      const asked = checkCount('ids', ids, { min: 1, max: MAX_IDS }).map((id, index) =>
        checkId(`ids[${index}]`, 'order', id),
      )
      const found = await Promise.all(asked.map(id => loadOrder(dependencies, context, id)))
      return found.map(order => visibleOrder(order, viewer))
    },
    orders: (_: unknown, args: QueryOrdersArgs, { viewer }: RequestContext) =>
      findOrders(dependencies, ownOrders(viewer), args),
    orderAsOf: (_: unknown, args: QueryOrderAsOfArgs, context: RequestContext) =>
      orderAsOf(dependencies, args, context),
    async customer(_: unknown, { id }: QueryCustomerArgs, context: RequestContext) {
      const viewer = requireViewer(context.viewer)
      const customerId = checkId('id', 'customer', id)
      return mayActFor(viewer, customerId) ? loadCustomer(dependencies, context, customerId) : null
    },
    async me(_: unknown, __: unknown, context: RequestContext) {
      const { role, subject } = requireViewer(context.viewer)
      return role === 'customer' ? loadCustomer(dependencies, context, subject) : null
    },
    async orderTotals(_: unknown, __: unknown, { viewer }: RequestContext) {
      requireRole(viewer, 'support', 'ops', 'service')
      const { counts, placed, cancelled } = (await dependencies.views.totals.get(TOTALS_ID)) ?? noTotals
      return {
        byStatus: ORDER_STATUSES.map(status => ({ status, count: counts[status] ?? 0 })),
        placed: amounts(placed),
        cancelled: amounts(cancelled),
      }
    },
  }
}

function amounts(sums: Readonly<Record<string, number>>) {
  return Object.entries(sums)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([currency, minor]) => ({ minor, currency }))
}

function filters({ text, status, customerId, placedFrom, placedTo }: OrderFilter): Filter[] {
  const found: Filter[] = []
  if (customerId != null)
    found.push({ path: 'customer.id', equals: checkId('filter.customerId', 'customer', customerId) })
  if (status) found.push(...stages.filters(status))
  if (placedFrom || placedTo)
    found.push({
      path: 'placedAt',
      ...(placedFrom && { from: placedFrom }),
      ...(placedTo && { to: placedTo }),
    })
  if (text?.trim()) found.push({ matching: text })
  return found
}

const SORT_PATHS = { PLACED_AT: 'placedAt' } as const
const NEWEST_FIRST = { field: 'PLACED_AT', direction: 'DESC' } as const

/** Reads a page of the orders of `all` that the caller's filter finds, newest first unless sorted otherwise. */
export function findOrders(
  { views }: QueryDependencies,
  all: readonly Filter[],
  { filter, sort, ...page }: CustomerOrdersArgs,
) {
  const where = [...all, ...filters(filter ?? {})]
  return findConnection(views.orders, { where, orderBy: sortedBy(SORT_PATHS, sort ?? NEWEST_FIRST), page })
}

async function orderAsOf(
  dependencies: QueryDependencies,
  { id, at }: QueryOrderAsOfArgs,
  { viewer }: RequestContext,
) {
  const known = requireViewer(viewer)
  const orderId = checkId('id', 'order', id)
  const { state, version } = await dependencies.orders.loadWhile(orderId, order => isKnownAt(order, at))
  if (state.status === 'ABSENT' || !visibleOrder(state, known)) return null
  const { status, awaitingApproval, lines, total } = state
  return { id, at, version, status, awaitingApproval, lines, total }
}
