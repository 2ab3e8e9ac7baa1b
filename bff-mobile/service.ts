// The mobile BFF as a service.

import type { BffConfig } from '#bff/config.ts'
import { startBff } from '#bff/service.ts'
import { idOf, type Order, ownerOf, readOrder } from '#bff-mobile/resolvers/orders.ts'
import * as ownPages from '#bff-mobile/resolvers/pages.ts'
import { createResolvers } from '#bff-mobile/resolvers.ts'
import type { RunningService } from '#platform/subgraph/subgraph.ts'

const pages = Object.values(ownPages)

export function startBffMobile(config: BffConfig): Promise<RunningService> {
  return startBff<Order>(config, { pages, createResolvers, readOrder, idOf, ownerOf })
}
