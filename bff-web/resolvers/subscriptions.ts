// The subscriptions of the web graph: changes of one order, of the caller's orders, or of all orders.
import type { Change } from '#bff/order-feed/change.ts'
import type { OrderFeed, OrderFeedOptions } from '#bff/order-feed/order-feed.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { checkOrderId, checkPageSize, requireStaff, visibleOrder } from '#bff-web/resolvers/access.ts'
import { orderPage, orderSummary } from '#bff-web/resolvers/order-pages.ts'
import { EVERY_SECTION, type OrderView, orderView, type SummaryView } from '#bff-web/resolvers/order-view.ts'
import { readOrders } from '#bff-web/resolvers/orders.ts'
import { requireRole, requireViewer } from '#platform/auth/viewer.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { OrderChange, OrdersChange, SubscriptionResolvers } from '#schema/generated/bff-web.ts'

/** An order of the feed: its page when somebody watches that very order, its summary otherwise. */
export type Order = OrderView | SummaryView

/** Callers that may see an order see the same, so they share each change as it is sent. */
const AUDIENCE = 'whoever may see it'
const MAX_PRESENT = 50

export const idOf = (order: Order): string => order.id
export const ownerOf = (order: Order): string => order.customer.id

/** Returns how the order feed reads an order: sections that cannot be loaded are left empty with a notice. */
export function createOrderReader(pages: Pages): OrderFeedOptions<Order>['read'] {
  return async (id, positions, detail) => {
    if (detail === 'summary')
      return (await pages.readFor(orderSummary, { id }, positions)).data?.order ?? undefined
    const { data, errors } = await pages.readFor(orderPage, { id, ...EVERY_SECTION }, positions)
    return data?.order ? orderView(data.order, errors) : undefined
  }
}

export function subscriptions(pages: Pages, feed: OrderFeed<Order>): SubscriptionResolvers {
  const watchOrder = (id: string, after: string | null | undefined, context: RequestContext) => {
    requireViewer(context.viewer)
    const order = checkOrderId(id)
    const present = async () => [await presentOrder(pages, order, context)]
    return feed.watch({ scope: { order }, after, audience: AUDIENCE, present })
  }
  return {
    orderUpdated: {
      subscribe: (_root, { id }, context) => watchOrder(id, undefined, context),
      resolve: (change: Change<Order>) => pageIn(change),
    },
    orderChanges: {
      subscribe: (_root, { id, after }, context) => watchOrder(id, after, context),
      resolve: (change: Change<Order>): OrderChange => ({ ...change, order: pageIn(change) }),
    },
    myOrderChanges: {
      subscribe(_root, { first, after }, context) {
        const { subject: customer } = requireRole(context.viewer, 'customer')
        const count = checkPageSize(first ?? 20, MAX_PRESENT)
        const present = async () =>
          count === 0 ? [] : (await readOrders(pages, { first: count }, context)).nodes
        return feed.watch({ scope: { customer }, after, audience: AUDIENCE, present })
      },
      resolve: (change: Change<Order>): OrdersChange => change,
    },
    operationsFeed: {
      subscribe(_root, { after }, context) {
        requireStaff(context.viewer)
        return feed.watch({ scope: { all: true }, after, audience: AUDIENCE, present: async () => [] })
      },
      resolve: (change: Change<Order>): OrdersChange => change,
    },
  }
}

async function presentOrder(pages: Pages, id: string, context: RequestContext): Promise<OrderView> {
  const { data, errors } = await pages.read(orderPage, { id, ...EVERY_SECTION }, context)
  const order = visibleOrder(data?.order, context.viewer)
  if (!order) throw new CallerError('NOT_FOUND', `there is no order ${id}, or it is not yours`)
  return orderView(order, errors)
}

function pageIn({ orders }: Change<Order>): OrderView {
  const page = orders.find(order => 'notices' in order)
  if (!page) throw new CallerError('UNAVAILABLE', 'the order cannot be shown at the moment')
  return page
}
