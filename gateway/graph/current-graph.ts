// The graph that is served now. One that was replaced is closed once nobody uses it any more. Free of where it comes from.
import type { Graph } from '#gateway/graph/graph.ts'

/** A graph in use: it stays open until disposed of. */
export type GraphLease = Disposable & { readonly graph: Graph }

export type CurrentGraph = AsyncDisposable & {
  /** What is served now. Whoever goes on using it past this turn takes it by `use`. */
  get(): Graph
  lease(): GraphLease
  /** From now on `graph` is served; what uses the one before goes on with that. */
  replace(graph: Graph): void
  /** Calls `listener` straight after each replacement. Returns how to stop that. */
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
    /** Whatever still uses a graph is cut off. */
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
