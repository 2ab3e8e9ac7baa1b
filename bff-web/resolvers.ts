// The resolver map of the web graph, put together from its parts.

import type { OrderFeed } from '#bff/order-feed/order-feed.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { dashboardResolvers, fulfilmentResolvers, operationsQueries } from '#bff-web/resolvers/dashboard.ts'
import { mutations } from '#bff-web/resolvers/mutations.ts'
import { nodeQueries } from '#bff-web/resolvers/nodes.ts'
import { lineResolvers, orderResolvers } from '#bff-web/resolvers/order-type.ts'
import type { LoadedOrder } from '#bff-web/resolvers/order-view.ts'
import { customerResolvers, orderQueries } from '#bff-web/resolvers/orders.ts'
import { productResolvers } from '#bff-web/resolvers/product-type.ts'
import { productQueries } from '#bff-web/resolvers/products.ts'
import { subscriptions } from '#bff-web/resolvers/subscriptions.ts'
import type { MutationResolvers, QueryResolvers, Resolvers } from '#schema/generated/bff-web.ts'

type WebResolvers = Resolvers & {
  readonly Query: Required<QueryResolvers>
  readonly Mutation: Required<MutationResolvers>
}

export function createResolvers(pages: Pages, feed: OrderFeed<LoadedOrder>): WebResolvers {
  return {
    Query: {
      ...nodeQueries(pages),
      ...orderQueries(pages),
      ...productQueries(pages),
      ...operationsQueries(pages),
    },
    Mutation: mutations(pages),
    Subscription: subscriptions(pages, feed),
    Order: orderResolvers(pages),
    OrderLine: lineResolvers(pages),
    Customer: customerResolvers(pages),
    Product: productResolvers(pages),
    Operations: dashboardResolvers(pages),
    Fulfilment: fulfilmentResolvers(),
  }
}
