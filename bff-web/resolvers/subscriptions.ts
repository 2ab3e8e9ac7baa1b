// The subscriptions of the web graph: changes of one order, of the caller's orders, or of all orders.

import { eventSource, eventType } from '#bff/graph/order-events.ts'
import type { Change, OrderEvent } from '#bff/order-feed/change.ts'
import type { OrderFeed, OrderFeedOptions } from '#bff/order-feed/order-feed.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { checkOrderId, checkPageSize, requireStaff, visibleOrder } from '#bff-web/resolvers/access.ts'
import { orderPage, orderSummary } from '#bff-web/resolvers/order-pages.ts'
import { loadOrder, shownOrder } from '#bff-web/resolvers/order-type.ts'
import { EVERY_SECTION, failuresAt, type LoadedOrder } from '#bff-web/resolvers/order-view.ts'
import { readNewest } from '#bff-web/resolvers/orders.ts'
import { isStaff, requireRole, requireViewer } from '#platform/auth/viewer.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { SubscriptionResolvers } from '#schema/generated/bff-web.ts'

const MAX_PRESENT = 50

export const idOf = ({ order }: LoadedOrder): string => order.id
export const ownerOf = ({ order }: LoadedOrder): string => order.customer.id

/** Returns how the order feed reads an order: with every section when somebody watches that very order, light otherwise. */
export function createOrderReader(pages: Pages): OrderFeedOptions<LoadedOrder>['read'] {
  return async (id, positions, detail) => {
    const { data, errors } =
      detail === 'summary'
        ? await pages.readFor(orderSummary, { id }, positions)
        : await pages.readFor(orderPage, { id, ...EVERY_SECTION }, positions)
    return data?.order ? { order: data.order, failures: failuresAt(errors, 'order') } : undefined
  }
}

export function subscriptions(pages: Pages, feed: OrderFeed<LoadedOrder>): SubscriptionResolvers {
  return {
    orderChanges: {
      subscribe(_root, { id, after }, context) {
        requireViewer(context.viewer)
        const order = checkOrderId(id)
        const present = async () => [await presentOrder(pages, order, context)]
        return feed.watch({ scope: { order }, after, audience: audienceOf(context), present })
      },
      resolve(change: Change<LoadedOrder>, _args: unknown, context: RequestContext) {
        const { orders, ...shown } = changeOf(change, undefined, context)
        const [order] = orders
        if (!order) throw new CallerError('UNAVAILABLE', 'the order cannot be shown at the moment')
        return { ...shown, order }
      },
    },
    myOrderChanges: {
      subscribe(_root, { first, after }, context) {
        const { subject: customer } = requireRole(context.viewer, 'customer')
        const count = checkPageSize(first ?? 20, MAX_PRESENT)
        const present = async () => (count === 0 ? [] : readNewest(pages, count, context))
        return feed.watch({ scope: { customer }, after, audience: audienceOf(context), present })
      },
      resolve: changeOf,
    },
    operationsFeed: {
      subscribe(_root, { after }, context) {
        requireStaff(context.viewer)
        const present = async () => []
        return feed.watch({ scope: { all: true }, after, audience: audienceOf(context), present })
      },
      resolve: changeOf,
    },
  }
}

/** Callers of one audience that may see an order see the same of it, so they share each change as it is sent. */
function audienceOf({ viewer }: RequestContext): string {
  return isStaff(viewer) ? 'staff' : 'customers'
}

async function presentOrder(pages: Pages, id: string, context: RequestContext): Promise<LoadedOrder> {
  const loaded = await loadOrder(pages, { id, ...EVERY_SECTION }, context)
  if (!loaded || !visibleOrder(loaded.order, context.viewer))
    throw new CallerError('NOT_FOUND', `there is no order ${id}, or it is not yours`)
  return loaded
}

function changeOf(
  { kind, cursor, events, orders }: Change<LoadedOrder>,
  _args: unknown,
  context: RequestContext,
) {
  return {
    kind,
    cursor,
    events: events.map(eventOf),
    orders: orders.map(loaded => shownOrder(loaded, context)),
  }
}

function eventOf({ type, service, ...event }: OrderEvent) {
  return { ...event, type: eventType(type), service: eventSource(service) }
}
