// Defines the context that every resolver gets: the viewer, the request's ids, consistency positions, loaders.
import type { Viewer } from '#platform/auth/viewer.ts'
import type { Lease } from '#platform/cache/cache.ts'
import { type PositionVector, raisePosition } from '#platform/consistency/position-vector.ts'
import { isObject } from '#platform/domain/json.ts'
import type { EventMeta } from '#platform/event-store/event-store.ts'
import type { RequestBudget } from '#platform/graphql/documents/limits.ts'
import type { EndClient } from '#platform/graphql/end-client.ts'
import type { PartsForm } from '#platform/graphql/incremental/parts-form.ts'

/** Each operation has its own, members of a batch included. */
export type RequestContext = {
  /** Undefined for an anonymous caller. */
  readonly viewer: Viewer | undefined
  /** The raw bearer token, to pass on. */
  readonly token: string | undefined
  readonly requestId: string
  /** The request's Accept-Language, as it came. */
  readonly language: string | undefined
  /** The metadata of the events that the operation causes. */
  readonly meta: EventMeta
  readonly consistency: Consistency
  /** Says whether the response may be cached, and by which leases. */
  readonly sources: ResponseSources
  /** The client that other services charge for this operation; undefined where none is known. */
  readonly client: EndClient | undefined
  /** DataLoaders of this operation, by name. */
  readonly loaders: Map<string, unknown>
  /** A member of a batch gets the rest of the request's limits; undefined for an operation that comes alone. */
  readonly budget?: RequestBudget | undefined
  /** The form in which the client accepts the response in parts; undefined where it gets a single one. */
  readonly partsForm?: PartsForm
}

type Consistency = {
  /** The positions that the caller must see, by service. Awaited for this service before a query's resolvers run. */
  readonly required: PositionVector
  /** The positions that were reached: the caller gets them in the response header, to send with its next request. */
  readonly seen: PositionVector
  reached(service: string, position: number): void
  /** Services that had not caught up with `required` in time: sent in a header and in `extensions.stale`. */
  readonly stale: string[]
}

/** A response may be cached when all its data came out of the cache: it is then current while the `leases` are. */
export type ResponseSources = {
  readonly leases: Lease[]
  /** Set by resolvers that read past the cache: the response is not cached. */
  uncacheable: boolean
  /** Set once a query has completed without errors and with current data. */
  completed?: { readonly name: string | undefined }
}

type RequestFacts = Pick<RequestContext, 'viewer' | 'token' | 'requestId' | 'budget'> & {
  readonly language?: string | undefined
  readonly traceparent: string | undefined
  readonly required: PositionVector
  readonly address?: string | undefined
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
    client: endClientOf(facts),
    loaders: new Map(),
    budget: facts.budget,
  }
}

function endClientOf({ viewer, address }: RequestFacts): EndClient | undefined {
  if (viewer) return { subject: viewer.subject }
  return address === undefined ? undefined : { address }
}

function createConsistency(required: PositionVector): Consistency {
  const seen: Record<string, number> = {}
  return { required, seen, stale: [], reached: (service, position) => raisePosition(seen, service, position) }
}

/** Returns the operation's loader `name`, made at its first use. `make` must return the same type for a name. */
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
