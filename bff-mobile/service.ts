// Starts the mobile BFF: its pages, its graph, and how the order feed reads its orders.
import type { BffConfig } from '#bff/config.ts'
import { startBff } from '#bff/service.ts'
import * as ownPages from '#bff-mobile/resolvers/pages.ts'
import { createOrderReader, idOf, ownerOf } from '#bff-mobile/resolvers/subscriptions.ts'
import { createResolvers } from '#bff-mobile/resolvers.ts'
import type { LoadedOrder } from '#bff-mobile/views/order-source.ts'
import type { RunningService } from '#platform/subgraph/subgraph.ts'

const pages = Object.values(ownPages)

export function startBffMobile(config: BffConfig): Promise<RunningService> {
  return startBff<LoadedOrder>(config, { pages, createResolvers, createOrderReader, idOf, ownerOf })
}
