// Connections to subgraphs that outlive a supergraph: the next one goes on with those that it names alike. Free of HTTP.
import type { Subgraph } from '#gateway/transport/subgraph.ts'

/** Given back by disposing of it. The last one to be given back closes the subgraph. */
export type SubgraphLease = AsyncDisposable & { readonly subgraph: Subgraph }

/**
 * Leases of one name and URL, at any one time, are one subgraph: pool, circuit and requests under way stay as they are while
 * supergraphs come and go.
 */
export type SubgraphConnections = { lease(name: string, url: string): SubgraphLease }

type Shared = { readonly subgraph: Subgraph; users: number }

export function createSubgraphConnections(
  connect: (name: string, url: string) => Subgraph,
): SubgraphConnections {
  const open = new Map<string, Shared>()

  function lease(name: string, url: string): SubgraphLease {
    const key = `${name}\n${url}`
    const shared = open.get(key) ?? { subgraph: connect(name, url), users: 0 }
    open.set(key, shared)
    shared.users += 1
    let closing: Promise<void> | undefined
    const giveBack = async () => {
      shared.users -= 1
      if (shared.users > 0) return
      open.delete(key)
      await shared.subgraph[Symbol.asyncDispose]()
    }
    return {
      subgraph: shared.subgraph,
      [Symbol.asyncDispose]() {
        closing ??= giveBack()
        return closing
      },
    }
  }
  return { lease }
}
