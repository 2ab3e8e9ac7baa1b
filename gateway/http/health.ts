// What `/health/ready` says of the gateway: the supergraph that is served, and each of its subgraphs. Free of requests.

import type { CurrentGraph } from '#gateway/graph/current-graph.ts'
import type { Graph } from '#gateway/graph/graph.ts'
import type { SupergraphReloader } from '#gateway/graph/supergraph-reload.ts'
import type { HttpServer } from '#platform/http/server.ts'
import { circuitHealth } from '#platform/resilience/health.ts'

/** None of it is essential: the gateway answers with what it can reach. Subgraphs come and go with supergraphs. */
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
