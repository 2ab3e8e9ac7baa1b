// The web BFF as a service: its graph, and REST over it.

import type { BffConfig } from '#bff/config.ts'
import { startBff } from '#bff/service.ts'
import * as orderPages from '#bff-web/resolvers/order-pages.ts'
import * as productPages from '#bff-web/resolvers/product-pages.ts'
import { idOf, type Order, ownerOf, readOrder } from '#bff-web/resolvers/subscriptions.ts'
import { createResolvers } from '#bff-web/resolvers.ts'
import { mountRest } from '#bff-web/rest/mount.ts'
import type { RunningService } from '#platform/subgraph/subgraph.ts'

const pages = [...Object.values(orderPages), ...Object.values(productPages)]

export function startBffWeb(config: BffConfig): Promise<RunningService> {
  return startBff<Order>(config, { pages, createResolvers, readOrder, idOf, ownerOf, mount: mountRest })
}
