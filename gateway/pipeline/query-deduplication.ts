// Equal queries that come while one of them is under way, as one execution. Free of HTTP and of what an execution does.
import type { PreparedOperation } from '#gateway/operations/prepared-operation.ts'
import type { ExecutionResult } from '#gateway/pipeline/execute.ts'
import { emptyMetadata, mergeMetadata, type ResponseMetadata } from '#gateway/pipeline/response-metadata.ts'

/** What makes two queries equal. */
export type QueryKey = {
  /** Of one supergraph, with what its caller may not see left out. */
  readonly prepared: PreparedOperation
  /** Coerced. */
  readonly variables: Readonly<Record<string, unknown>>
  /** Everything that any subgraph is sent of the caller's, but what only tells whose request it is. */
  readonly forwarded: string
}

export type QueryDeduplication = {
  /** How many wait for another's execution is bounded by how many requests there are. `run` records what it hears. */
  deduplicate(
    query: QueryKey,
    metadata: ResponseMetadata,
    run: (metadata: ResponseMetadata) => Promise<ExecutionResult>,
  ): Promise<ExecutionResult>
}

type RunningQuery = { readonly completed: Promise<ExecutionResult>; readonly metadata: ResponseMetadata }

export function createQueryDeduplication(): QueryDeduplication {
  const operations = new WeakMap<PreparedOperation, Map<string, RunningQuery>>()

  function queriesOf(prepared: PreparedOperation): Map<string, RunningQuery> {
    const queries = operations.get(prepared) ?? new Map<string, RunningQuery>()
    operations.set(prepared, queries)
    return queries
  }

  return {
    async deduplicate({ prepared, variables, forwarded }, metadata, run) {
      const queries = queriesOf(prepared)
      const key = `${forwarded}\n${JSON.stringify(variables)}`
      let found = queries.get(key)
      if (found === undefined) {
        const own = emptyMetadata()
        const completed = run(own).finally(() => queries.delete(key))
        found = { completed, metadata: own }
        queries.set(key, found)
      }
      const completed = await found.completed
      mergeMetadata(found.metadata, metadata)
      return completed
    },
  }
}
