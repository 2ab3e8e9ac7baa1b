// A subscription planned on one graph: what is asked of whom, and how each event becomes an answer. Free of connections.
import { GraphQLError } from 'graphql'
import type { GraphInUse } from '#gateway/current-graph.ts'
import { finish } from '#gateway/execute.ts'
import type { ExecutionError, SubgraphAnswer, SubgraphRequest } from '#gateway/executor/execution.ts'
import { emptyNotes, fetchFrom, type OperationSetup } from '#gateway/operation.ts'
import type { PreparedOperation } from '#gateway/operations.ts'
import { tellNotes } from '#gateway/subscriptions/notes.ts'
import { type SubscriptionSettings, sourceOf } from '#gateway/subscriptions/settings.ts'
import { type Place, placeOf } from '#gateway/subscriptions/upstream.ts'
import type { Forwarded } from '#gateway/transport/subgraph.ts'

/** Disposing lets go of its graph. */
export type LivePlan = Disposable & {
  readonly place: Place
  readonly request: SubgraphRequest
  /** What goes out to the subgraph that is subscribed to. */
  forward(forwarded: Forwarded): Forwarded
  /** The text of the answer that an event becomes. `event` is changed. */
  answer(event: SubgraphAnswer, forwarded: Forwarded, format: OperationSetup['format']): Promise<string>
}

export type PlanRefusal = { readonly errors: readonly (ExecutionError | GraphQLError)[] }

export type Planning = {
  readonly inUse: GraphInUse
  readonly variables: Readonly<Record<string, unknown>>
  readonly settings: SubscriptionSettings
}

/** Takes `inUse` over, unless it refuses. */
export function planLive(prepared: PreparedOperation, planning: Planning): LivePlan | PlanRefusal {
  const { inUse, settings } = planning
  const { graph } = inUse
  const coerced = prepared.coerce(planning.variables)
  if ('errors' in coerced) return coerced
  const { variables } = coerced
  const withheld = prepared.withheld?.errors(variables) ?? []
  const { source } = prepared
  const request = source?.request(variables)
  const subgraph = request && graph.subgraphs.get(request.service)
  if (prepared.withheld?.refuses && withheld.length > 0) return { errors: withheld }
  if (!source || !request || !subgraph)
    return {
      errors: withheld.length > 0 ? withheld : [new GraphQLError('No subgraph has this subscription.')],
    }
  const address = graph.addresses.get(request.service) ?? ''
  return {
    place: placeOf(sourceOf(settings, request.service), address),
    request,
    forward: subgraph.forward,
    async answer(event, forwarded, format) {
      const notes = emptyNotes()
      const fetch = (asked: SubgraphRequest) => fetchFrom(graph, asked, forwarded, notes)
      const execution = { data: {}, errors: [], variables, fetch }
      source.take(event, execution)
      const { text } = await finish(prepared, execution, { withheld, format })
      return tellNotes(text, notes)
    },
    [Symbol.dispose]: () => inUse[Symbol.dispose](),
  }
}

/** True when both follow the same events. */
export function sameSource(one: LivePlan, other: LivePlan): boolean {
  return (
    one.place.url === other.place.url &&
    one.place.protocol === other.place.protocol &&
    one.request.service === other.request.service &&
    one.request.body === other.request.body
  )
}
