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

type OpenGraph = {
  readonly graph: Graph
  users: number
  replaced: boolean
  closing: Promise<void> | undefined
}

export function createCurrentGraph(first: Graph): CurrentGraph {
  let current = hold(first)
  const leaving = new Set<OpenGraph>()
  const listeners = new Set<(graph: Graph) => void>()

  function closeUnused(held: OpenGraph): void {
    if (!held.replaced || held.users > 0 || held.closing) return
    held.closing = Promise.resolve(held.graph[Symbol.asyncDispose]()).finally(() => leaving.delete(held))
  }

  function retire(held: OpenGraph): void {
    held.replaced = true
    leaving.add(held)
    closeUnused(held)
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
          held.users -= 1
          closeUnused(held)
        },
      }
    },
    replace(graph) {
      const before = current
      current = hold(graph)
      retire(before)
      for (const listener of listeners) listener(graph)
    },
    onReplace(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    /** Closes every graph, leased or not. */
    async [Symbol.asyncDispose]() {
      listeners.clear()
      retire(current)
      await Promise.all([...leaving].map(held => held.closing ?? held.graph[Symbol.asyncDispose]()))
    },
  }
}

function hold(graph: Graph): OpenGraph {
  return { graph, users: 0, replaced: false, closing: undefined }
}
