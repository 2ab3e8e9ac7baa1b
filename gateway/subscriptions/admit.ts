// Whether a subscription may begin, by what it costs and what its client has left. Free of how it is run.

import type { ExecutionError } from '#gateway/executor/execution.ts'
import type { GraphLease } from '#gateway/graph/current-graph.ts'
import type { Admission } from '#gateway/pipeline/admission.ts'
import { clientOf, type RequestContext } from '#gateway/pipeline/request-context.ts'
import type { OperationRequest } from '#gateway/pipeline/run-operation.ts'

/** Charges a subscription once, as it begins; what is none, or not valid, is for others to judge. */
export async function admitSubscription(
  admission: Admission | undefined,
  { graph }: GraphLease,
  { asked, sender }: { readonly asked: OperationRequest; readonly sender: RequestContext },
): Promise<ExecutionError | undefined> {
  if (!admission) return undefined
  const prepared = await graph.operations.prepare(asked.query, asked.operationName, sender.claims)
  if ('errors' in prepared || prepared.kind !== 'subscription') return undefined
  const coerced = prepared.coerce(asked.variables)
  if ('errors' in coerced) return undefined
  const client = clientOf(sender)
  const { estimate } = prepared
  const verdict =
    admission.limit?.refuseExhausted(client) ??
    (await admission.admit({ estimate, variables: coerced.variables }, client))
  return verdict?.refusal
}
