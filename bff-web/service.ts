// The web BFF as a service: its graph, and REST over it.

import { idOf, type Order, ownerOf, readOrder } from '#bff-web/resolvers/live.ts'
import { createResolvers } from '#bff-web/resolvers.ts'
import { mountRest } from '#bff-web/rest/mount.ts'
import type { BffConfig } from '#platform/bff/config.ts'
import { startBff } from '#platform/bff/start-bff.ts'
import type { RunningService } from '#platform/subgraph/subgraph.ts'

export function startBffWeb(config: BffConfig): Promise<RunningService> {
  return startBff<Order>(config, { createResolvers, readOrder, idOf, ownerOf, mount: mountRest })
}
