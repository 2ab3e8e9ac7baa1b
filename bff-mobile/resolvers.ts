// The resolver map of the mobile graph, put together from its parts.
import type { OrderFeed } from '#bff/order-feed/order-feed.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { dates } from '#bff-mobile/resolvers/dates.ts'
import { mutations } from '#bff-mobile/resolvers/mutations.ts'
import { orderQueries } from '#bff-mobile/resolvers/orders.ts'
import { productQueries } from '#bff-mobile/resolvers/products.ts'
import { type Order, subscriptions } from '#bff-mobile/resolvers/subscriptions.ts'
import type { Resolvers } from '#schema/generated/bff-mobile.ts'

export function createResolvers(pages: Pages, feed: OrderFeed<Order>): Resolvers {
  return {
    ...dates,
    Query: { ...orderQueries(pages), ...productQueries(pages) },
    Mutation: mutations(pages),
    Subscription: subscriptions(pages, feed),
  }
}
