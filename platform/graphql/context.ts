// What every resolver gets: the viewer, the request's ids, consistency positions, a place for loaders. Free of HTTP.
import type { Viewer } from '#platform/auth/viewer.ts'
import type { Lease } from '#platform/cache/cache.ts'
import { type PositionVector, raisePosition } from '#platform/consistency/position-vector.ts'
import { isObject } from '#platform/domain/json.ts'
import type { EventMeta } from '#platform/event-store/event-store.ts'
import type { RequestBudget } from '#platform/graphql/documents/limits.ts'
import type { EndClient } from '#platform/graphql/end-client.ts'

/** One per operation: members of a batch have one each. */
export type RequestContext = {
  /** Undefined for an anonymous caller. */
  readonly viewer: Viewer | undefined
  /** The raw bearer token, to pass on. */
  readonly token: string | undefined
  readonly requestId: string
  /** The request's Accept-Language, as it came. */
  readonly language: string | undefined
  /** Goes beside the events that the operation causes. */
  readonly meta: EventMeta
  readonly consistency: Consistency
  /** What the answer is made of, should it be kept. */
  readonly sources: ResponseSources
  /** Whom other services may charge what is asked of them for this operation; undefined where nobody is known. */
  readonly client: EndClient | undefined
  /** DataLoaders of this operation, by name. */
  readonly loaders: Map<string, unknown>
  /** What the other operations of a batch left of the request's limits; undefined for one that comes alone. */
  readonly budget?: RequestBudget | undefined
}

export type Consistency = {
  /** What the caller asks to see, by service. Already awaited for this service when a query's resolvers run. */
  readonly required: PositionVector
  /** What the caller is told to ask for next time: goes into the response header. */
  readonly seen: PositionVector
  reached(service: string, position: number): void
  /** Services that had not caught up with `required` in time: goes into the header and `extensions.stale`. */
  readonly stale: string[]
}

/** An answer may be kept when all that it shows came out of the cache: `leases` is then what it stands on. */
export type ResponseSources = {
  readonly leases: Lease[]
  /** Set by whoever reads past the cache: the answer is not kept. */
  uncacheable: boolean
}

export type RequestFacts = {
  readonly viewer: Viewer | undefined
  readonly token: string | undefined
  readonly requestId: string
  readonly language?: string | undefined
  readonly traceparent: string | undefined
  readonly required: PositionVector
  /** Where the request comes from. */
  readonly address?: string | undefined
  readonly budget?: RequestBudget | undefined
}

export function createRequestContext(facts: RequestFacts): RequestContext {
  const { viewer, token, requestId, language, traceparent, required } = facts
  return {
    viewer,
    token,
    requestId,
    language,
    meta: {
      correlationId: requestId,
      ...(viewer && { actor: `${viewer.role}:${viewer.subject}` }),
      ...(traceparent !== undefined && { traceparent }),
    },
    consistency: createConsistency(required),
    sources: { leases: [], uncacheable: false },
    client: clientOf(facts),
    loaders: new Map(),
    budget: facts.budget,
  }
}

function clientOf({ viewer, address }: RequestFacts): EndClient | undefined {
  if (viewer) return { subject: viewer.subject }
  return address === undefined ? undefined : { address }
}

function createConsistency(required: PositionVector): Consistency {
  const seen: Record<string, number> = {}
  return { required, seen, stale: [], reached: (service, position) => raisePosition(seen, service, position) }
}

/** The loader called `name` of this operation, made at its first use. `make` must give the same type for a name. */
export function loaderOf<Loader extends object>(
  context: Pick<RequestContext, 'loaders'>,
  name: string,
  make: () => Loader,
): Loader {
  const found = context.loaders.get(name)
  if (found !== undefined) return found as Loader
  const made = make()
  context.loaders.set(name, made)
  return made
}

/** Returns the trace context of an operation that has no header of its own: its `extensions.traceparent`. */
export function traceparentIn(operation: unknown): string | undefined {
  if (!isObject(operation) || !isObject(operation.extensions)) return undefined
  const { traceparent } = operation.extensions
  return typeof traceparent === 'string' ? traceparent : undefined
}
