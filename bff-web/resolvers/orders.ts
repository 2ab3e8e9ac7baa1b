// The queries of the web graph about orders and the customer.
import type { GraphQLResolveInfo } from 'graphql'
import { connectionOf, ITEMS, selectsCount } from '#bff/graph/connection.ts'
import { pageOf } from '#bff/graph/paging.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { checkOrderId, visibleOrder } from '#bff-web/resolvers/access.ts'
import { orderList, pastOrder, profile } from '#bff-web/resolvers/order-pages.ts'
import { loadOrder, shownOrder } from '#bff-web/resolvers/order-type.ts'
import {
  failuresAt,
  isBelow,
  type LoadedOrder,
  NO_SECTIONS,
  type Sections,
  selectedSections,
} from '#bff-web/resolvers/order-view.ts'
import { isStaff, requireViewer, type Viewer } from '#platform/auth/viewer.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isId } from '#platform/domain/ids.ts'
import { failureOf } from '#platform/graphql/client/client.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type {
  CustomerResolvers,
  OrderFilter,
  QueryOrderAsOfArgs,
  QueryOrdersArgs,
  QueryResolvers,
} from '#schema/generated/bff-web.ts'
import { OrderAsOfDocument, OrdersDocument, type OrdersQuery } from '#schema/generated/bff-web-operations.ts'

/** After this, every event of an instant is recorded, whatever the clocks of the services say. */
const SETTLED_AFTER_MS = 60_000
const MAX_PAGE_SIZE = 100

export function orderQueries(
  pages: Pages,
): Required<Pick<QueryResolvers, 'me' | 'order' | 'orders' | 'orderAsOf'>> {
  return {
    async me(_root, _args, context) {
      const { role, subject } = requireViewer(context.viewer)
      if (role !== 'customer' || !isId('customer', subject)) return null
      return (await pages.read(profile, { id: subject }, context)).data?.customer ?? null
    },
    async order(_root, args, context, info) {
      requireViewer(context.viewer)
      const loaded = await readVisibleOrder(pages, checkOrderId(args.id), { context, info })
      return loaded ? shownOrder(loaded, context) : null
    },
    orders: (_root, args, context, info) => readConnection(pages, args, { context, info }),
    async orderAsOf(_root, args, context) {
      const snapshot = await orderAsOf(pages, args, context)
      return snapshot && { ...snapshot, orderId: snapshot.id }
    },
  }
}

export function customerResolvers(pages: Pages): Required<Pick<CustomerResolvers, 'orders'>> {
  return {
    async orders({ id }, { filter, ...args }, context, info) {
      if (filter?.customerId != null && filter.customerId !== id)
        throw new CallerError('BAD_USER_INPUT', 'filter.customerId: should be left out below a customer', {
          field: 'filter.customerId',
        })
      return readConnection(pages, { ...args, filter: { ...filter, customerId: id } }, { context, info })
    },
  }
}

type Asked = { readonly context: RequestContext; readonly info: GraphQLResolveInfo }

/**
 * Returns null when there is no such order, or it is not the caller's. Reads the sections that are selected below `info`.
 */
export async function readVisibleOrder(
  pages: Pages,
  id: string,
  { context, info }: Asked,
): Promise<LoadedOrder | null> {
  const loaded = await loadOrder(pages, { id, ...selectedSections(info, []) }, context)
  return loaded && visibleOrder(loaded.order, context.viewer) ? loaded : null
}

async function readConnection(pages: Pages, args: Partial<QueryOrdersArgs>, { context, info }: Asked) {
  const sections = selectedSections(info, ...ITEMS)
  const page = await readOrders(pages, { ...args, ...sections, counted: selectsCount(info) }, context)
  return connectionOf(page.data, (order, index) =>
    shownOrder({ order, failures: page.failuresOf(index) }, context),
  )
}

/** Returns the newest orders that the caller may see, with their light part alone. */
export async function readNewest(
  pages: Pages,
  count: number,
  context: RequestContext,
): Promise<LoadedOrder[]> {
  const { data, failuresOf } = await readOrders(
    pages,
    { first: count, ...NO_SECTIONS, counted: false },
    context,
  )
  return data.edges.map(({ node }, index) => ({ order: node, failures: failuresOf(index) }))
}

type ListArguments = Partial<QueryOrdersArgs> & Sections & { readonly counted: boolean }
type OrderPages = {
  readonly data: OrdersQuery['orders']
  readonly failuresOf: (index: number) => LoadedOrder['failures']
}

/** Returns a customer's own orders, or all orders for staff. */
async function readOrders(
  pages: Pages,
  { filter, sort, first, after, last, before, ...selected }: ListArguments,
  context: RequestContext,
): Promise<OrderPages> {
  const viewer = requireViewer(context.viewer)
  const page = { sort: sort ?? null, ...pageOf({ first, after, last, before }, MAX_PAGE_SIZE), ...selected }
  if (asksForOthers(viewer, filter)) {
    const data = await pages.run(OrdersDocument, { ...page, filter: filter ?? null }, context)
    return { data: data.orders, failuresOf: () => failuresAt([]) }
  }
  const owner = isStaff(viewer) ? undefined : viewer.subject
  const variables = { ...page, filter: canonical(filter, owner) }
  const { data, errors } = await pages.read(orderList, variables, context)
  const failure = errors.find(error => !isBelow(error, ['orders', 'edges']))
  if (!data || failure) throw failureOf(failure ?? { message: 'no list of orders' }, 'gateway')
  const failuresOf = (index: number) => {
    const place = ['orders', 'edges', index]
    return failuresAt(
      errors.filter(error => isBelow(error, place)),
      ...place,
      'node',
    )
  }
  return { data: data.orders, failuresOf }
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
