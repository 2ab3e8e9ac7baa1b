// The subscriptions of the mobile graph: changes of one order, or of all orders of the caller.
import type { Change } from '#bff/order-feed/change.ts'
import type { OrderFeed, OrderFeedOptions } from '#bff/order-feed/order-feed.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { checkOrderId, checkPageSize } from '#bff-mobile/resolvers/access.ts'
import {
  readVisibleOrder,
  readVisibleOrders,
  type ScreenOrder,
  screenOrder,
} from '#bff-mobile/resolvers/orders.ts'
import { cardPage, screenPage } from '#bff-mobile/resolvers/pages.ts'
import { liveCursor } from '#bff-mobile/sync/sync-cursor.ts'
import { localizationOf } from '#bff-mobile/views/localization.ts'
import { orderCard, orderScreen } from '#bff-mobile/views/order-view.ts'
import { requireRole, requireViewer } from '#platform/auth/viewer.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { SubscriptionResolvers } from '#schema/generated/bff-mobile.ts'
import type { CardPartsFragment } from '#schema/generated/bff-mobile-operations.ts'

/** An order of the feed: with its whole screen when somebody watches that very order, with its card alone otherwise. */
export type Order = CardOrder | ScreenOrder
type CardOrder = { readonly detail: 'summary'; readonly order: CardPartsFragment }

/** Callers that may see an order see the same, so they share each change as it is sent. */
const AUDIENCE = 'orders'
const MAX_PRESENT = 50

export const idOf = ({ order }: Order): string => order.id
export const ownerOf = ({ order }: Order): string => order.customer.id

export function createOrderReader(pages: Pages): OrderFeedOptions<Order>['read'] {
  return async (id, positions, detail) => {
    if (detail === 'page') return screenOrder(await pages.readFor(screenPage, { id }, positions))
    const { data } = await pages.readFor(cardPage, { id }, positions)
    return data?.order ? cardOrder(data.order) : undefined
  }
}

function cardOrder(order: CardPartsFragment): CardOrder {
  return { detail: 'summary', order }
}

export function subscriptions(pages: Pages, feed: OrderFeed<Order>): SubscriptionResolvers {
  const watchOrder = (id: string, after: string | null | undefined, context: RequestContext) => {
    const { subject } = requireViewer(context.viewer)
    const scope = { order: checkOrderId(id) }
    return feed.watch({
      scope,
      after: after == null ? undefined : liveCursor(after, scope, subject),
      audience: AUDIENCE,
      present: async () => [await requireOrder(pages, id, context)],
    })
  }
  return {
    orderChanges: {
      subscribe: (_root, { id, after }, context) => watchOrder(id, after, context),
      resolve: async (change: Change<Order>, { id }: { readonly id: string }, context: RequestContext) => ({
        ...change,
        order: await screenIn(change, () => requireOrder(pages, id, context), context),
      }),
    },
    myOrderChanges: {
      subscribe(_root, { after, first }, context) {
        const { subject } = requireRole(context.viewer, 'customer')
        const scope = { customer: subject }
        const count = checkPageSize(first, 0, MAX_PRESENT)
        return feed.watch({
          scope,
          after: after == null ? undefined : liveCursor(after, scope, subject),
          audience: AUDIENCE,
          present: () => readPresentCards(pages, count, context),
        })
      },
      resolve: (change: Change<Order>, _args: unknown, context: RequestContext) => {
        const localization = localizationOf(context)
        return { ...change, orders: change.orders.map(({ order }) => orderCard(order, localization)) }
      },
    },
    orderChanged: {
      subscribe: (_root, { id }, context) => watchOrder(id, undefined, context),
      resolve: (change: Change<Order>, { id }: { readonly id: string }, context: RequestContext) =>
        screenIn(change, () => requireOrder(pages, id, context), context),
    },
  }
}

async function readPresentCards(pages: Pages, count: number, context: RequestContext): Promise<Order[]> {
  if (count === 0) return []
  return (await readVisibleOrders(pages, { first: count, after: null }, context)).nodes.map(cardOrder)
}

async function requireOrder(pages: Pages, id: string, context: RequestContext): Promise<ScreenOrder> {
  const found = await readVisibleOrder(pages, id, context)
  if (!found) throw new CallerError('NOT_FOUND', `there is no order ${id}, or it is not yours`)
  return found
}

/** Returns the screen of a change about one order, which is read anew if the change holds its card alone. */
async function screenIn(
  { orders: [given] }: Change<Order>,
  read: () => Promise<ScreenOrder>,
  context: RequestContext,
) {
  const { order, failures } = given?.detail === 'page' ? given : await read()
  return orderScreen(order, failures, localizationOf(context))
}
