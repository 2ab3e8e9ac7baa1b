// Keeps connections to subgraphs open across supergraphs: a reload reuses those with the same name and URL.
import type { Subgraph } from '#gateway/transport/subgraph.ts'

/** Disposing releases the lease; releasing the last lease closes the subgraph. */
type SubgraphLease = AsyncDisposable & { readonly subgraph: Subgraph }

/** Concurrent leases of one name and URL share a subgraph: its pool, circuit breaker and running requests survive a reload. */
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
