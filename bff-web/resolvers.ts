// The resolver map of the web graph, put together from its parts.

import type { OrderFeed } from '#bff/order-feed/order-feed.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { operationsQueries } from '#bff-web/resolvers/dashboard.ts'
import { mutations } from '#bff-web/resolvers/mutations.ts'
import { orderQueries } from '#bff-web/resolvers/orders.ts'
import { productQueries } from '#bff-web/resolvers/products.ts'
import { type Order, subscriptions } from '#bff-web/resolvers/subscriptions.ts'
import type { MutationResolvers, QueryResolvers, SubscriptionResolvers } from '#schema/generated/bff-web.ts'

type WebResolvers = {
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
