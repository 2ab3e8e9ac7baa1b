// The web BFF as a service.
import { createResolvers, type Order } from '#bff-web/resolvers.ts'
import type { BffConfig } from '#platform/bff/config.ts'
import { startBff } from '#platform/bff/start-bff.ts'
import type { RunningService } from '#platform/subgraph/subgraph.ts'
import { OrderPageDocument } from '#schema/generated/bff-web-operations.ts'

export function startBffWeb(config: BffConfig): Promise<RunningService> {
  return startBff<Order>(config, {
    readOrder: async (gateway, id, positions) =>
      (await gateway.runAsService(OrderPageDocument, { id }, positions)).order,
    resolvers: createResolvers,
  })
}
