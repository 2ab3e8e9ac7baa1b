// Starts the web BFF: its pages, its graph with REST over it, its pictures, and how the order feed reads its orders.
import type { BffConfig } from '#bff/config.ts'
import { startBff } from '#bff/service.ts'
import { mountImages } from '#bff-web/images/mount.ts'
import * as orderPages from '#bff-web/resolvers/order-pages.ts'
import type { LoadedOrder } from '#bff-web/resolvers/order-view.ts'
import * as productPages from '#bff-web/resolvers/product-pages.ts'
import { createOrderReader, idOf, ownerOf } from '#bff-web/resolvers/subscriptions.ts'
import { createResolvers } from '#bff-web/resolvers.ts'
import { mountRest } from '#bff-web/rest/mount.ts'
import type { RunningService } from '#platform/subgraph/subgraph.ts'

const pages = [...Object.values(orderPages), ...Object.values(productPages)]

export function startBffWeb(config: BffConfig): Promise<RunningService> {
  return startBff<LoadedOrder>(config, {
    pages,
    createResolvers,
    createOrderReader,
    idOf,
    ownerOf,
    mount(http, parts) {
      mountRest(http, parts)
      mountImages(http)
    },
  })
}
