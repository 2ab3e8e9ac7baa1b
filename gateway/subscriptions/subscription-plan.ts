// Plans a subscription on one graph: which subgraph is subscribed to, and how each of its events becomes a response.
import { GraphQLError } from 'graphql'
import type { ExecutionError, SubgraphRequest, SubgraphResponse } from '#gateway/executor/execution.ts'
import type { GraphLease } from '#gateway/graph/current-graph.ts'
import type { PreparedOperation } from '#gateway/operations/prepared-operation.ts'
import { finishExecution } from '#gateway/pipeline/execute.ts'
import {
  emptyMetadata,
  fetchFromSubgraph,
  type ResponseMetadata,
} from '#gateway/pipeline/response-metadata.ts'
import type { OperationContext } from '#gateway/pipeline/run-operation.ts'
import { type SourceSettings, type SubscriptionSettings, sourceOf } from '#gateway/subscriptions/settings.ts'
import type { UpstreamEndpoint } from '#gateway/subscriptions/upstream/upstream.ts'
import type { ForwardedHeaders } from '#gateway/transport/header-rules.ts'
import type { Subgraph } from '#gateway/transport/subgraph.ts'
import { CONSISTENCY_HEADER, formatToken } from '#platform/consistency/consistency-token.ts'
import { isObject } from '#platform/domain/json.ts'

/** Disposing releases its graph. */
export type SubscriptionPlan = Disposable & {
  readonly operation: Pick<PreparedOperation, 'name' | 'kind'>
  readonly endpoint: UpstreamEndpoint
  readonly request: SubgraphRequest
  /** The subgraph that is subscribed to. */
  readonly subgraph: Pick<Subgraph, 'forward' | 'maskErrors'>
  /** Returns the text of the response that an event becomes. Changes `event` in place. */
  respond(
    event: SubgraphResponse,
    forwarded: ForwardedHeaders,
    format: OperationContext['format'],
  ): Promise<string>
}

export type PlanRefusal = { readonly errors: readonly (ExecutionError | GraphQLError)[] }

type Planning = {
  readonly lease: GraphLease
  readonly variables: Readonly<Record<string, unknown>>
  readonly settings: SubscriptionSettings
  /** Returns the addresses of a subgraph that has several instances; undefined for one that has the graph's address. */
  readonly instancesOf: (name: string) => readonly string[] | undefined
}

/** A plan takes the lease over, a refusal does not. */
export function planSubscription(
  prepared: PreparedOperation,
  planning: Planning,
): SubscriptionPlan | PlanRefusal {
  const { lease, settings } = planning
  const { graph } = lease
  const coerced = prepared.coerce(planning.variables)
  if ('errors' in coerced) return coerced
  const { variables } = coerced
  const unauthorized = prepared.unauthorized?.errors(variables) ?? []
  const { source } = prepared
  const request = source?.request(variables)
  const subgraph = request && graph.subgraphs.get(request.service)
  if (prepared.unauthorized?.refuses && unauthorized.length > 0) return { errors: unauthorized }
  if (!source || !request || !subgraph)
    return {
      errors:
        unauthorized.length > 0 ? unauthorized : [new GraphQLError('No subgraph has this subscription.')],
    }
  const addresses = () =>
    planning.instancesOf(request.service) ?? [graph.addresses.get(request.service) ?? '']
  return {
    operation: prepared,
    endpoint: resolveEndpoint(sourceOf(settings, request.service), addresses),
    request,
    subgraph,
    async respond(event, forwarded, format) {
      const metadata = emptyMetadata()
      const fetch = (asked: SubgraphRequest) => fetchFromSubgraph(graph, asked, { forwarded, metadata })
      const execution = { data: {}, errors: [], variables, fetch }
      const { data = null, errors } = event
      source.merge({ data, ...(errors && { errors: subgraph.maskErrors(errors) }) }, execution)
      const { text } = await finishExecution(prepared, execution, { unauthorized, format })
      return addExtensions(text, metadata)
    },
    [Symbol.dispose]: () => lease[Symbol.dispose](),
  }
}

/** Tells whether both plans follow the same events. */
export function haveSameSource(one: SubscriptionPlan, other: SubscriptionPlan): boolean {
  return (
    one.endpoint.urls.join() === other.endpoint.urls.join() &&
    one.endpoint.protocol === other.endpoint.protocol &&
    one.request.service === other.request.service &&
    one.request.body === other.request.body
  )
}

/** Returns where a subgraph is subscribed to. `addresses` gives where it responds to queries at the moment. */
export function resolveEndpoint(
  { protocol = 'ws', url, path }: SourceSettings,
  addresses: () => readonly string[],
): UpstreamEndpoint {
  const at = (address: string): string => {
    const endpoint = new URL(address)
    if (path !== undefined && url === undefined) {
      endpoint.pathname = path
      endpoint.search = ''
    }
    const secure = endpoint.protocol === 'https:' || endpoint.protocol === 'wss:'
    return endpoint.href.replace(/^\w+:/, `${protocol === 'ws' ? 'ws' : 'http'}${secure ? 's' : ''}:`)
  }
  return {
    protocol,
    get urls() {
      return (url === undefined ? addresses() : [url]).map(at)
    },
  }
}

/** Adds to a whole response, as JSON, what HTTP tells in headers: a stream's headers are gone before its responses. */
export function addExtensions(text: string, { reached, stale }: ResponseMetadata): string {
  const token = formatToken(reached)
  if (token === '' && stale.size === 0) return text
  const response: unknown = JSON.parse(text)
  if (!isObject(response)) return text
  const extensions = {
    ...(isObject(response.extensions) && response.extensions),
    ...(token !== '' && { [CONSISTENCY_HEADER]: token }),
    ...(stale.size > 0 && { stale: [...stale] }),
  }
  return JSON.stringify({ ...response, extensions })
}
