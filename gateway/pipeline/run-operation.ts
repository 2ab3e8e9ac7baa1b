// Runs one operation in its caller's name, whichever transport it came over: admission, deduplication, execution, observation.
import type { SubgraphRequest } from '#gateway/executor/execution.ts'
import type { Graph } from '#gateway/graph/graph.ts'
import type { OperationObserver } from '#gateway/observe/operations.ts'
import { type Admission, type Admit, underAdmission } from '#gateway/pipeline/admission.ts'
import { executeOperation, type GatewayRequest } from '#gateway/pipeline/execute.ts'
import type { QueryDeduplication } from '#gateway/pipeline/query-deduplication.ts'
import { clientOf, forwardedHeaders, type RequestContext } from '#gateway/pipeline/request-context.ts'
import type { FormatError, GatewayResponse, PartsSender } from '#gateway/pipeline/response.ts'
import { fetchFromSubgraph, type ResponseMetadata } from '#gateway/pipeline/response-metadata.ts'
import type { ForwardedHeaders } from '#gateway/transport/header-rules.ts'
import { kindOfText } from '#platform/graphql/operation-kind.ts'
import { validTraceparent } from '#platform/telemetry/tracing.ts'

export type OperationRequest = {
  readonly query: string
  readonly operationName: string | undefined
  readonly variables: Readonly<Record<string, unknown>>
  /** The trace that the operation continues, when it names one itself. */
  readonly traceparent: string | undefined
  readonly queriesOnly: boolean
  /** Sends parts to a client that accepts them; left out, it gets a single response. */
  readonly parts?: PartsSender | undefined
}

export type OperationContext = {
  readonly graph: Graph
  readonly format: FormatError
  readonly metadata: ResponseMetadata
  readonly observer: OperationObserver
  readonly admission: Admission
  /** Left out, equal queries are executed one by one. */
  readonly deduplication?: QueryDeduplication | undefined
}

export function runOperation(
  { graph, format, metadata, observer, admission, deduplication }: OperationContext,
  { traceparent, ...asked }: OperationRequest,
  sender: RequestContext,
): Promise<GatewayResponse> {
  const forwarded = forwardedHeaders(sender, traceparent)
  const fetchInto = (into: ResponseMetadata) => {
    const context = { forwarded, metadata: into }
    return (request: SubgraphRequest) => fetchFromSubgraph(graph, request, context)
  }
  const request: GatewayRequest = {
    ...asked,
    claims: sender.claims,
    fetch: fetchInto(metadata),
    deduplicate:
      deduplication &&
      ((query, run) => {
        const key = { ...query, forwarded: headersKey(graph, forwarded) }
        return deduplication.deduplicate(key, metadata, into => run(fetchInto(into)))
      }),
  }
  const run = (admit: Admit) => executeOperation(graph.operations, { ...request, admit }, format)
  const { isAbandoned, isForwarded = false } = sender
  const kind = kindOfText(asked.query)
  const caller = { client: clientOf(sender), isForwarded, kind, format, ...(isAbandoned && { isAbandoned }) }
  const execute = () => underAdmission(admission, caller, run)
  return observer.run(execute, validTraceparent(traceparent))
}

/** Returns everything that the subgraphs' responses may depend on: what each is sent by its own header rules. */
function headersKey({ subgraphs }: Graph, forwarded: ForwardedHeaders): string {
  let key = forwarded.key
  for (const subgraph of subgraphs.values()) {
    const own = subgraph.forward(forwarded)
    if (own !== forwarded) key += `\n${own.key}`
  }
  return key
}
