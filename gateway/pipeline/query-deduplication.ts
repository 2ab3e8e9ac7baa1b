// Deduplicates queries: equal ones that arrive while one of them runs share its execution.
import type { PreparedOperation } from '#gateway/operations/prepared-operation.ts'
import type { ExecutionResult } from '#gateway/pipeline/execute.ts'
import { emptyMetadata, mergeMetadata, type ResponseMetadata } from '#gateway/pipeline/response-metadata.ts'

/** Queries with equal keys are equal. */
type QueryKey = {
  /** The operation on one supergraph, filtered for its caller. */
  readonly prepared: PreparedOperation
  /** The coerced variables. */
  readonly variables: Readonly<Record<string, unknown>>
  /** Every header that any subgraph is sent for the caller, except those that only identify the request. */
  readonly forwarded: string
}

export type QueryDeduplication = {
  /**
   * Calls `run` unless an equal query is running, and merges the metadata of that execution into `metadata`. The number of
   * waiting callers is bounded by the number of requests.
   */
  deduplicate(
    query: QueryKey,
    metadata: ResponseMetadata,
    run: (metadata: ResponseMetadata) => Promise<ExecutionResult>,
  ): Promise<ExecutionResult>
}

type RunningQuery = { readonly result: Promise<ExecutionResult>; readonly metadata: ResponseMetadata }

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
        const result = run(own).finally(() => queries.delete(key))
        found = { result, metadata: own }
        queries.set(key, found)
      }
      const result = await found.result
      mergeMetadata(found.metadata, metadata)
      return result
    },
  }
}
