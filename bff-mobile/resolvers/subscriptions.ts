// The mobile subscriptions: changes of one order or all of the caller's, each with a cursor to go on from.

import type { Change } from '#bff/order-feed/change.ts'
import type { OrderFeed } from '#bff/order-feed/order-feed.ts'
import type { Pages } from '#bff/pages/pages.ts'
import {
  checkOrderId,
  idOf,
  type Order,
  readVisibleOrder,
  readVisibleOrders,
  type ShownOrder,
  summaryOf,
} from '#bff-mobile/resolvers/orders.ts'
import { checkPageSize } from '#bff-mobile/resolvers/paging.ts'
import { liveCursor } from '#bff-mobile/sync/sync-cursor.ts'
import { localizationOf } from '#bff-mobile/views/localization.ts'
import { orderCard, orderScreen } from '#bff-mobile/views/order-view.ts'
import { requireRole, requireViewer } from '#platform/auth/viewer.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { SubscriptionResolvers } from '#schema/generated/bff-mobile.ts'

export type Feed = OrderFeed<Order>

/** Nothing that a change shows depends on who reads it, once they may. */
const AUDIENCE = 'orders'
const MOST_PRESENT = 50

export function subscriptions(pages: Pages, feed: Feed): SubscriptionResolvers {
  return {
    orderChanges: {
      subscribe: (_root, { id, after }, context) => watchOrder(pages, feed, { id, after }, context),
      resolve: async (change: Change<Order>, { id }: { readonly id: string }, context: RequestContext) => ({
        ...change,
        order: await screenIn(pages, change, id, context),
      }),
    },
    myOrderChanges: {
      subscribe: (_root, { after, first }, context) => watchOwn(pages, feed, { after, first }, context),
      resolve: (change: Change<Order>, _args: unknown, context: RequestContext) => {
        const texts = localizationOf(context)
        return { ...change, orders: change.orders.map(({ order }) => orderCard(order, texts)) }
      },
    },
    orderChanged: {
      subscribe: (_root, { id }, context) => watchOrder(pages, feed, { id }, context),
      resolve: (change: Change<Order>, { id }: { readonly id: string }, context: RequestContext) =>
        screenIn(pages, change, id, context),
    },
  }
}

function watchOrder(
  pages: Pages,
  feed: Feed,
  { id, after }: { readonly id: string; readonly after?: string | null | undefined },
  context: RequestContext,
) {
  const { subject } = requireViewer(context.viewer)
  const scope = { order: checkOrderId(id) }
  return feed.watch({
    scope,
    after: after == null ? undefined : liveCursor(after, scope, subject),
    audience: AUDIENCE,
    present: async () => [await mustFind(pages, id, context)],
  })
}

function watchOwn(
  pages: Pages,
  feed: Feed,
  { after, first }: { readonly after?: string | null | undefined; readonly first: number },
  context: RequestContext,
) {
  const { subject } = requireRole(context.viewer, 'customer')
  const scope = { customer: subject }
  const count = checkPageSize(first, 0, MOST_PRESENT)
  return feed.watch({
    scope,
    after: after == null ? undefined : liveCursor(after, scope, subject),
    audience: AUDIENCE,
    present: async () => {
      if (count === 0) return []
      return (await readVisibleOrders(pages, { first: count, after: null }, context)).nodes.map(summaryOf)
    },
  })
}

async function mustFind(pages: Pages, id: string, context: RequestContext): Promise<ShownOrder> {
  const found = await readVisibleOrder(pages, id, context)
  if (!found) throw new CallerError('NOT_FOUND', `there is no order ${id}, or it is not yours`)
  return found
}

/** The order as the change has it; read anew should the change have been read for a list. */
async function screenIn(pages: Pages, change: Change<Order>, id: string, context: RequestContext) {
  const given = change.orders.find(order => idOf(order) === id)
  const whole = given?.detail === 'page' ? given : await mustFind(pages, id, context)
  return orderScreen(whole.order, whole.failures, localizationOf(context))
}
