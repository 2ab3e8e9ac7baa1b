// The resolver map of the mobile graph, put together from its parts.
import type { OrderFeed } from '#bff/order-feed/order-feed.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { mutations } from '#bff-mobile/resolvers/mutations.ts'
import { nodeQueries } from '#bff-mobile/resolvers/nodes.ts'
import { orderTypes } from '#bff-mobile/resolvers/order-type.ts'
import { orderQueries } from '#bff-mobile/resolvers/orders.ts'
import { facetTypes, productFields, productQueries } from '#bff-mobile/resolvers/products.ts'
import { subscriptions } from '#bff-mobile/resolvers/subscriptions.ts'
import { localizationOf } from '#bff-mobile/views/localization.ts'
import type { LoadedOrder } from '#bff-mobile/views/order-source.ts'
import type { Resolvers } from '#schema/generated/bff-mobile.ts'

export function createResolvers(pages: Pages, feed: OrderFeed<LoadedOrder>): Resolvers {
  return {
    ...orderTypes(pages),
    ...facetTypes,
    Product: productFields(pages),
    Money: { text: (money, _args, context) => localizationOf(context).money(money) },
    Query: { ...nodeQueries(pages), ...orderQueries(pages), ...productQueries(pages) },
    Mutation: mutations(pages),
    Subscription: subscriptions(pages, feed),
  }
}
