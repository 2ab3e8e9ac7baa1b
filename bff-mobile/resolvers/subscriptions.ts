// The subscriptions of the mobile graph: changes of one order, or of all orders of the caller.
import { eventSource, eventType } from '#bff/graph/order-events.ts'
import type { Change, OrderEvent } from '#bff/order-feed/change.ts'
import type { OrderFeed, OrderFeedOptions } from '#bff/order-feed/order-feed.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { checkCount, checkOrderId } from '#bff-mobile/resolvers/access.ts'
import { loadOrderFor, loadVisibleOrder, readNewestOrders } from '#bff-mobile/resolvers/order-reads.ts'
import { shownOrder } from '#bff-mobile/resolvers/order-state.ts'
import { liveCursor } from '#bff-mobile/sync/sync-cursor.ts'
import { LIVE_SECTIONS, type LoadedOrder, NO_SECTIONS } from '#bff-mobile/views/order-source.ts'
import { requireRole, requireViewer } from '#platform/auth/viewer.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { SubscriptionResolvers } from '#schema/generated/bff-mobile.ts'

/** Callers that may see an order see the same, so they share each change as it is sent. */
const AUDIENCE = 'orders'
const MAX_PRESENT = 50

export const idOf = ({ order }: LoadedOrder): string => order.id
export const ownerOf = ({ order }: LoadedOrder): string => order.customer.id

/** Returns how the order feed reads an order: with its sections when somebody watches that very order, light otherwise. */
export function createOrderReader(pages: Pages): OrderFeedOptions<LoadedOrder>['read'] {
  return (id, positions, detail) => {
    const sections = detail === 'page' ? LIVE_SECTIONS : NO_SECTIONS
    return loadOrderFor(pages, id, { sections, positions })
  }
}

export function subscriptions(pages: Pages, feed: OrderFeed<LoadedOrder>): SubscriptionResolvers {
  return {
    orderChanges: {
      subscribe(_root, { id, after }, context) {
        const { subject } = requireViewer(context.viewer)
        const scope = { order: checkOrderId(id) }
        return feed.watch({
          scope,
          after: after == null ? undefined : liveCursor(after, scope, subject),
          audience: AUDIENCE,
          present: async () => [await requireOrder(pages, id, context)],
        })
      },
      resolve(change: Change<LoadedOrder>, _args: unknown, context: RequestContext) {
        const { orders, ...shown } = changeOf(change, undefined, context)
        const [order] = orders
        if (!order) throw new CallerError('UNAVAILABLE', 'the order cannot be shown at the moment')
        return { ...shown, order }
      },
    },
    myOrderChanges: {
      subscribe(_root, { after, first }, context) {
        const { subject } = requireRole(context.viewer, 'customer')
        const scope = { customer: subject }
        const count = checkCount(first, 0, MAX_PRESENT)
        return feed.watch({
          scope,
          after: after == null ? undefined : liveCursor(after, scope, subject),
          audience: AUDIENCE,
          present: async () => (count === 0 ? [] : readNewestOrders(pages, count, context)),
        })
      },
      resolve: changeOf,
    },
  }
}

async function requireOrder(pages: Pages, id: string, context: RequestContext): Promise<LoadedOrder> {
  const found = await loadVisibleOrder(pages, id, { sections: LIVE_SECTIONS, context })
  if (!found) throw new CallerError('NOT_FOUND', `there is no order ${id}, or it is not yours`)
  return found
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
