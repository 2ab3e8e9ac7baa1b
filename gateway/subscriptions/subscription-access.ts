// Decides whether a caller's subscription may begin, by its cost, and ends it when a refreshed token has other rights.
import type { ExecutionError } from '#gateway/executor/execution.ts'
import type { CurrentGraph, GraphLease } from '#gateway/graph/current-graph.ts'
import type { Admission } from '#gateway/pipeline/admission.ts'
import { clientOf, type RequestContext } from '#gateway/pipeline/request-context.ts'
import type { OperationRequest } from '#gateway/pipeline/run-operation.ts'
import { CallerError } from '#platform/domain/errors.ts'

/** An operation and its caller, whose token and claims may be refreshed. */
export type Subscriber = { readonly operation: OperationRequest; readonly caller: () => RequestContext }

/** Charges a subscription once, as it begins. Returns undefined for what is not a valid subscription: it fails later. */
export async function admitSubscription(
  admission: Admission,
  { graph }: GraphLease,
  { operation, caller }: Subscriber,
): Promise<ExecutionError | undefined> {
  const sender = caller()
  const { query, operationName, variables } = operation
  const prepared = await graph.operations.prepare(query, operationName, sender.claims)
  if ('errors' in prepared || prepared.kind !== 'subscription') return undefined
  const coerced = prepared.coerce(variables)
  if ('errors' in coerced) return undefined
  const client = clientOf(sender)
  const { estimate } = prepared
  const verdict =
    admission.refuseExhausted(client) ??
    (await admission.admit({ estimate, variables: coerced.variables }, client))
  return verdict?.refusal
}

/**
 * Returns the items of `source` until the subscriber's claims allow other parts of the operation than before: then next()
 * rejects with FORBIDDEN instead of giving an item, and `source` is closed.
 */
export function endWhenRightsChange<T>(
  source: AsyncIterator<T>,
  { operation, caller }: Subscriber,
  current: CurrentGraph,
): AsyncIterator<T> {
  let { claims } = caller()

  function rightsChanged(): boolean | Promise<boolean> {
    const before = claims
    const { claims: now } = caller()
    if (now === before) return false
    return allowsOther(operation, [before, now], current).then(changed => {
      claims = now
      return changed
    })
  }

  return {
    async next() {
      const result = await source.next()
      if (result.done || !(await rightsChanged())) return result
      await source.return?.()
      throw new CallerError('FORBIDDEN', 'the refreshed token has other rights: subscribe again')
    },
    return: async () => (await source.return?.()) ?? { done: true, value: undefined },
  }
}

/** Operations are prepared once for all callers who may see the same of them. */
async function allowsOther(
  { query, operationName }: OperationRequest,
  claims: readonly RequestContext['claims'][],
  current: CurrentGraph,
): Promise<boolean> {
  using lease = current.lease()
  const { operations } = lease.graph
  const [before, now] = await Promise.all(claims.map(one => operations.prepare(query, operationName, one)))
  return before !== now || now === undefined || 'errors' in now
}
