// The resolver map of the web graph, put together from its parts. Free of logic.
import { mutations } from '#bff-web/resolvers/commands.ts'
import { type Order, subscriptions } from '#bff-web/resolvers/live.ts'
import { operationsQueries } from '#bff-web/resolvers/operations.ts'
import { orderQueries } from '#bff-web/resolvers/orders.ts'
import { productQueries } from '#bff-web/resolvers/products.ts'
import type { Pages } from '#platform/bff/pages.ts'
import type { OrderFeed } from '#platform/live/order-feed.ts'
import type { MutationResolvers, QueryResolvers, SubscriptionResolvers } from '#schema/generated/bff-web.ts'

export type WebResolvers = {
  readonly Query: Required<QueryResolvers>
  readonly Mutation: Required<MutationResolvers>
  readonly Subscription: SubscriptionResolvers
}

export function createResolvers(pages: Pages, feed: OrderFeed<Order>): WebResolvers {
  return {
    Query: { ...orderQueries(pages), ...productQueries(pages), ...operationsQueries(pages) },
    Mutation: mutations(pages),
    Subscription: subscriptions(pages, feed),
  }
}
