// The mobile BFF as a service.
import { createResolvers } from '#bff-mobile/resolvers.ts'
import type { Order } from '#bff-mobile/screens.ts'
import type { BffConfig } from '#platform/bff/config.ts'
import { startBff } from '#platform/bff/start-bff.ts'
import type { RunningService } from '#platform/subgraph/subgraph.ts'
import { OrderScreenDocument } from '#schema/generated/bff-mobile-operations.ts'

export function startBffMobile(config: BffConfig): Promise<RunningService> {
  return startBff<Order>(config, {
    readOrder: async (gateway, id, positions) =>
      (await gateway.runAsService(OrderScreenDocument, { id }, positions)).order,
    resolvers: createResolvers,
  })
}
