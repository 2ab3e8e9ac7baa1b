// Equal queries that come while one of them is under way, as one execution. Free of HTTP and of what an execution does.
import type { PreparedOperation } from '#gateway/operations/prepared-operation.ts'
import type { Completed } from '#gateway/pipeline/execute.ts'
import { emptyNotes, mergeNotes, type Notes } from '#gateway/pipeline/response-metadata.ts'

/** What makes two queries equal. */
export type SharedQuery = {
  /** Of one supergraph, with what its caller may not see left out. */
  readonly prepared: PreparedOperation
  /** Coerced. */
  readonly variables: Readonly<Record<string, unknown>>
  /** Everything that any subgraph is sent of the caller's, but what only tells whose request it is. */
  readonly forwarded: string
}

export type Sharing = {
  /** How many wait for another's execution is bounded by how many requests there are. `run` notes what it hears. */
  share(query: SharedQuery, notes: Notes, run: (notes: Notes) => Promise<Completed>): Promise<Completed>
}

type UnderWay = { readonly completed: Promise<Completed>; readonly notes: Notes }

export function createSharing(): Sharing {
  const operations = new WeakMap<PreparedOperation, Map<string, UnderWay>>()

  function queriesOf(prepared: PreparedOperation): Map<string, UnderWay> {
    const queries = operations.get(prepared) ?? new Map<string, UnderWay>()
    operations.set(prepared, queries)
    return queries
  }

  return {
    async share({ prepared, variables, forwarded }, notes, run) {
      const queries = queriesOf(prepared)
      const key = `${forwarded}\n${JSON.stringify(variables)}`
      let found = queries.get(key)
      if (found === undefined) {
        const own = emptyNotes()
        const completed = run(own).finally(() => queries.delete(key))
        found = { completed, notes: own }
        queries.set(key, found)
      }
      const completed = await found.completed
      mergeNotes(found.notes, notes)
      return completed
    },
  }
}
