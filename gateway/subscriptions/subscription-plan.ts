// A subscription planned on one graph: what is asked of whom, and how each event becomes an answer. Free of connections.
import { GraphQLError } from 'graphql'
import type { ExecutionError, SubgraphRequest, SubgraphResponse } from '#gateway/executor/execution.ts'
import type { GraphLease } from '#gateway/graph/current-graph.ts'
import type { PreparedOperation } from '#gateway/operations/prepared-operation.ts'
import { finishExecution } from '#gateway/pipeline/execute.ts'
import { emptyMetadata, fetchFromSubgraph } from '#gateway/pipeline/response-metadata.ts'
import type { OperationContext } from '#gateway/pipeline/run-operation.ts'
import { addExtensions } from '#gateway/subscriptions/notes.ts'
import { type SubscriptionSettings, sourceOf } from '#gateway/subscriptions/settings.ts'
import { resolveEndpoint, type UpstreamEndpoint } from '#gateway/subscriptions/upstream/upstream.ts'
import type { ForwardedHeaders } from '#gateway/transport/header-rules.ts'
import type { Subgraph } from '#gateway/transport/subgraph.ts'

/** Disposing lets go of its graph. */
export type SubscriptionPlan = Disposable & {
  /** Of the operation. */
  readonly named: Pick<PreparedOperation, 'name' | 'kind'>
  readonly endpoint: UpstreamEndpoint
  readonly request: SubgraphRequest
  /** The subgraph that is subscribed to. */
  readonly subgraph: Pick<Subgraph, 'forward' | 'maskErrors'>
  /** The text of the answer that an event becomes. `event` is changed. */
  respond(
    event: SubgraphResponse,
    forwarded: ForwardedHeaders,
    format: OperationContext['format'],
  ): Promise<string>
}

export type PlanRefusal = { readonly errors: readonly (ExecutionError | GraphQLError)[] }

export type Planning = {
  readonly inUse: GraphLease
  readonly variables: Readonly<Record<string, unknown>>
  readonly settings: SubscriptionSettings
  /** Where a subgraph has several addresses; undefined where it has the one of the graph. */
  readonly instancesOf: (name: string) => readonly string[] | undefined
}

/** Takes `inUse` over, unless it refuses. */
export function planSubscription(
  prepared: PreparedOperation,
  planning: Planning,
): SubscriptionPlan | PlanRefusal {
  const { inUse, settings } = planning
  const { graph } = inUse
  const coerced = prepared.coerce(planning.variables)
  if ('errors' in coerced) return coerced
  const { variables } = coerced
  const withheld = prepared.unauthorized?.errors(variables) ?? []
  const { source } = prepared
  const request = source?.request(variables)
  const subgraph = request && graph.subgraphs.get(request.service)
  if (prepared.unauthorized?.refuses && withheld.length > 0) return { errors: withheld }
  if (!source || !request || !subgraph)
    return {
      errors: withheld.length > 0 ? withheld : [new GraphQLError('No subgraph has this subscription.')],
    }
  const addresses = () =>
    planning.instancesOf(request.service) ?? [graph.addresses.get(request.service) ?? '']
  return {
    named: prepared,
    endpoint: resolveEndpoint(sourceOf(settings, request.service), addresses),
    request,
    subgraph,
    async respond(event, forwarded, format) {
      const metadata = emptyMetadata()
      const fetch = (asked: SubgraphRequest) => fetchFromSubgraph(graph, asked, { forwarded, metadata })
      const execution = { data: {}, errors: [], variables, fetch }
      const { data = null, errors } = event
      source.merge({ data, ...(errors && { errors: subgraph.maskErrors(errors) }) }, execution)
      const { text } = await finishExecution(prepared, execution, { withheld, format })
      return addExtensions(text, metadata)
    },
    [Symbol.dispose]: () => inUse[Symbol.dispose](),
  }
}

/** True when both follow the same events. */
export function haveSameSource(one: SubscriptionPlan, other: SubscriptionPlan): boolean {
  return (
    one.endpoint.urls.join() === other.endpoint.urls.join() &&
    one.endpoint.protocol === other.endpoint.protocol &&
    one.request.service === other.request.service &&
    one.request.body === other.request.body
  )
}
