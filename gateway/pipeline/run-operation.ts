// Runs one operation in its caller's name, whichever transport it came over: admission, deduplication, execution, observation.
import type { SubgraphRequest } from '#gateway/executor/execution.ts'
import type { Graph } from '#gateway/graph/graph.ts'
import type { WatchOperations } from '#gateway/observe/operations.ts'
import { type Admission, type Admit, underAdmission } from '#gateway/pipeline/admission.ts'
import { executeRequest, type GatewayRequest } from '#gateway/pipeline/execute.ts'
import type { Sharing } from '#gateway/pipeline/query-deduplication.ts'
import { clientOf, forwardedOf, type Sender } from '#gateway/pipeline/request-context.ts'
import type { FormatError, GatewayAnswer } from '#gateway/pipeline/response.ts'
import { fetchFrom, type Notes } from '#gateway/pipeline/response-metadata.ts'
import type { Forwarded } from '#gateway/transport/subgraph.ts'
import { knownTraceparent } from '#platform/telemetry/tracing.ts'

export type AskedOperation = {
  readonly query: string
  readonly operationName: string | undefined
  readonly variables: Readonly<Record<string, unknown>>
  /** The trace that the operation continues, when it names one itself. */
  readonly traceparent: string | undefined
  readonly queriesOnly: boolean
}

export type OperationSetup = {
  readonly graph: Graph
  readonly format: FormatError
  readonly notes: Notes
  readonly watch: WatchOperations
  /** Left out, every operation is admitted. */
  readonly admission?: Admission | undefined
  /** Left out, equal queries are executed one by one. */
  readonly sharing?: Sharing | undefined
}

export function runOperation(
  { graph, format, notes, watch, admission, sharing }: OperationSetup,
  { traceparent, ...asked }: AskedOperation,
  sender: Sender,
): Promise<GatewayAnswer> {
  const forwarded = forwardedOf(sender, traceparent)
  const fetchInto = (into: Notes) => {
    const context = { forwarded, notes: into }
    return (request: SubgraphRequest) => fetchFrom(graph, request, context)
  }
  const request: GatewayRequest = {
    ...asked,
    claims: sender.claims,
    fetch: fetchInto(notes),
    share:
      sharing &&
      ((query, run) => {
        const key = { ...query, forwarded: headersKey(graph, forwarded) }
        return sharing.share(key, notes, into => run(fetchInto(into)))
      }),
  }
  const run = (admit?: Admit) => executeRequest(graph.operations, { ...request, admit }, format)
  const execute = () =>
    admission ? underAdmission(admission, { client: clientOf(sender), format }, run) : run()
  return watch.run(execute, knownTraceparent(traceparent))
}

/** Returns everything that the subgraphs' responses may depend on: what each is sent by its own header rules. */
function headersKey({ subgraphs }: Graph, forwarded: Forwarded): string {
  let key = forwarded.key
  for (const subgraph of subgraphs.values()) {
    const own = subgraph.forward(forwarded)
    if (own !== forwarded) key += `\n${own.key}`
  }
  return key
}
