// Holds the graph that is served now, and closes a replaced one when its last user releases it.
import type { Graph } from '#gateway/graph/graph.ts'

/** A graph that stays open until the lease is disposed. */
export type GraphLease = Disposable & { readonly graph: Graph }

export type CurrentGraph = AsyncDisposable & {
  /** Returns the current graph for use within this turn of the event loop; beyond that, call `lease`. */
  get(): Graph
  lease(): GraphLease
  /** Serves `graph` from now on; leases of the graph before it stay valid. */
  replace(graph: Graph): void
  /** Calls `listener` after each replacement. Returns a function that removes it. */
  onReplace(listener: (graph: Graph) => void): () => void
}

/** The gateway itself is a user of the current graph. */
type OpenGraph = { readonly graph: Graph; users: number; closing: Promise<void> | undefined }

export function createCurrentGraph(first: Graph): CurrentGraph {
  const open = new Set<OpenGraph>()
  let current = hold(first)
  const listeners = new Set<(graph: Graph) => void>()

  function hold(graph: Graph): OpenGraph {
    const held: OpenGraph = { graph, users: 1, closing: undefined }
    open.add(held)
    return held
  }

  function release(held: OpenGraph): void {
    held.users -= 1
    if (held.users > 0) return
    held.closing = Promise.resolve(held.graph[Symbol.asyncDispose]()).finally(() => open.delete(held))
  }

  return {
    get: () => current.graph,
    lease() {
      const held = current
      held.users += 1
      let inUse = true
      return {
        graph: held.graph,
        [Symbol.dispose]() {
          if (!inUse) return
          inUse = false
          release(held)
        },
      }
    },
    replace(graph) {
      const before = current
      current = hold(graph)
      release(before)
      for (const listener of listeners) listener(graph)
    },
    onReplace(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    /** Closes every graph, leased or not. */
    async [Symbol.asyncDispose]() {
      listeners.clear()
      await Promise.all([...open].map(held => held.closing ?? held.graph[Symbol.asyncDispose]()))
    },
  }
}
