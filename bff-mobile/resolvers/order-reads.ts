// Reads orders for queries, subscriptions and fields: one order or a page of them, with the sections that are asked for.
import type { GraphQLResolveInfo } from 'graphql'
import { type PageOf, pageOf } from '#bff/graph/paging.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { shownOrder } from '#bff-mobile/resolvers/order-state.ts'
import { orderPage, ordersPage } from '#bff-mobile/resolvers/pages.ts'
import {
  failuresAt,
  type LoadedOrder,
  NO_SECTIONS,
  type OrderData,
  type Sections,
  selectedSections,
} from '#bff-mobile/views/order-source.ts'
import { isStaff, mayActFor, requireViewer } from '#platform/auth/viewer.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import { failureOf, type RemoteError } from '#platform/graphql/client/client.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { OrderFilter, QueryOrdersArgs } from '#schema/generated/bff-mobile.ts'
import type { OrderQuery, OrderQueryVariables, OrdersQuery } from '#schema/generated/bff-mobile-operations.ts'

const MAX_PAGE_SIZE = 50

/** Returns the variables of an order's page, equal for equal sections. */
export function orderVariables(
  id: string,
  { details, products, payments, shipments }: Sections,
): OrderQueryVariables {
  return { id, details, products, payments, shipments }
}

type OrderResult = { readonly data: OrderQuery | undefined; readonly errors: readonly RemoteError[] }

function loadedOrder({ data, errors }: OrderResult): LoadedOrder | undefined {
  return data?.order ? { order: data.order, failures: failuresAt(errors, 'order') } : undefined
}

/** Returns undefined when there is no such order; authorises nobody. */
export async function loadOrder(
  pages: Pages,
  id: string,
  { sections, context }: { readonly sections: Sections; readonly context: RequestContext },
): Promise<LoadedOrder | undefined> {
  return loadedOrder(await pages.read(orderPage, orderVariables(id, sections), context))
}

/** Reads on behalf of no caller, with everything up to `positions`. */
export async function loadOrderFor(
  pages: Pages,
  id: string,
  { sections, positions }: { readonly sections: Sections; readonly positions: PositionVector },
): Promise<LoadedOrder | undefined> {
  return loadedOrder(await pages.readFor(orderPage, orderVariables(id, sections), positions))
}

/** Returns undefined when there is no such order, or it is not the caller's. */
export async function loadVisibleOrder(
  pages: Pages,
  id: string,
  options: { readonly sections: Sections; readonly context: RequestContext },
): Promise<LoadedOrder | undefined> {
  const viewer = requireViewer(options.context.viewer)
  const loaded = await loadOrder(pages, id, options)
  return loaded && mayActFor(viewer, loaded.order.customer.id) ? loaded : undefined
}

type Asked = { readonly context: RequestContext; readonly info: GraphQLResolveInfo }

/**
 * Returns null when there is no such order, or it is not the caller's. Reads the sections that are selected below `info`.
 */
export async function readOrder(
  pages: Pages,
  id: string,
  { context, info }: Asked,
): Promise<OrderData | null> {
  const loaded = await loadVisibleOrder(pages, id, { sections: selectedSections(info, []), context })
  return loaded ? shownOrder(loaded, context) : null
}

type Selected = Sections & { readonly counted: boolean }
type OrderList = Pick<OrdersQuery['orders'], 'pageInfo' | 'totalCount' | 'totalCountCapped'> & {
  readonly edges: readonly { readonly cursor: string; readonly node: LoadedOrder }[]
}

/** Returns a page of a customer's own orders, or of all orders for staff. */
export async function readOrders(
  pages: Pages,
  { filter, sort, ...args }: Partial<QueryOrdersArgs>,
  { selected, context }: { readonly selected: Selected; readonly context: RequestContext },
): Promise<OrderList> {
  const viewer = requireViewer(context.viewer)
  const owner = isStaff(viewer) ? undefined : viewer.subject
  const page: PageOf = pageOf(args, MAX_PAGE_SIZE)
  const variables = { filter: canonical(filter, owner), sort: sort ?? null, ...page, ...selected }
  const { data, errors } = await pages.read(ordersPage, variables, context)
  const failure = errors.find(error => !isInOrder(error))
  if (!data || failure) throw failureOf(failure ?? { message: 'no list of orders' }, 'gateway')
  const edges = data.orders.edges.map(({ cursor, node }, index) => ({
    cursor,
    node: { order: node, failures: failuresAt(errors, 'orders', 'edges', index, 'node') },
  }))
  return { ...data.orders, edges }
}

/** Returns the newest orders that the caller may see, with their light part alone. */
export async function readNewestOrders(
  pages: Pages,
  first: number,
  context: RequestContext,
): Promise<LoadedOrder[]> {
  const selected = { ...NO_SECTIONS, counted: false }
  const { edges } = await readOrders(pages, { first }, { selected, context })
  return edges.map(({ node }) => node)
}

function isInOrder({ path = [] }: RemoteError): boolean {
  return path[1] === 'edges' && path[3] === 'node' && path.length > 4
}

/** Returns equal filters in equal form, so that they share a cached page. */
function canonical(filter: OrderFilter | null | undefined, customerId: string | undefined) {
  const { text, status, placedFrom, placedTo } = filter ?? {}
  return {
    ...(text != null && { text }),
    ...(status != null && { status }),
    ...(customerId !== undefined && { customerId }),
    ...(placedFrom != null && { placedFrom }),
    ...(placedTo != null && { placedTo }),
  }
}
