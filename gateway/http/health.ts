// Adds the supergraph and each of its subgraphs to `/health/ready`.

import type { CurrentGraph } from '#gateway/graph/current-graph.ts'
import type { Graph } from '#gateway/graph/graph.ts'
import type { SupergraphReloader } from '#gateway/graph/supergraph-reload.ts'
import type { HttpServer } from '#platform/http/server.ts'
import { circuitHealth } from '#platform/resilience/health.ts'

/** No check is essential, since the gateway serves what it can reach. The checks follow the supergraph's reloads. */
export function addGatewayHealth(
  http: HttpServer,
  current: CurrentGraph,
  follower: SupergraphReloader,
): void {
  const added = new Map<string, () => void>()
  const follow = (graph: Graph) => {
    for (const [name, remove] of added) if (!graph.subgraphs.has(name) && added.delete(name)) remove()
    for (const name of graph.subgraphs.keys())
      if (!added.has(name)) added.set(name, checkSubgraph(http, current, name))
  }
  http.addHealthCheck('supergraph', async () => follower.health(), { essential: false })
  follow(current.get())
  current.onReplace(follow)
}

function checkSubgraph(http: HttpServer, current: CurrentGraph, name: string): () => void {
  const check = async () =>
    circuitHealth(current.get().subgraphs.get(name)?.policy ?? { health: () => 'closed' })
  return http.addHealthCheck(`subgraph-${name}`, check, { essential: false })
}
