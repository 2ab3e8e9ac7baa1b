// The mobile BFF as a service.

import { idOf, type Order, ownerOf, readOrder } from '#bff-mobile/orders.ts'
import * as ownPages from '#bff-mobile/pages.ts'
import { createResolvers } from '#bff-mobile/resolvers.ts'
import type { BffConfig } from '#platform/bff/config.ts'
import { startBff } from '#platform/bff/start-bff.ts'
import type { RunningService } from '#platform/subgraph/subgraph.ts'

const pages = Object.values(ownPages)

export function startBffMobile(config: BffConfig): Promise<RunningService> {
  return startBff<Order>(config, { pages, createResolvers, readOrder, idOf, ownerOf })
}
