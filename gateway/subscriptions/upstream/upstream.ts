// Defines the port to a subgraph's subscriptions: the request, its events, and the errors that end it for good.
import type { SubgraphResponse } from '#gateway/executor/execution.ts'
import { responseOf } from '#gateway/transport/subgraph-response.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'

/** Where a subgraph is subscribed to. `urls` has the instances that there are when it is read. */
export type UpstreamEndpoint = { readonly protocol: 'ws' | 'sse'; readonly urls: readonly string[] }

export type UpstreamRequest = {
  /** The subgraph's name. */
  readonly service: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** The whole request, as JSON. */
  readonly body: string
  /** The id of the last event that came, where events have ids. */
  readonly lastId: string | undefined
}

export type UpstreamEvent =
  /** The subscription is open: events come from now on. */
  | { readonly type: 'open' }
  | { readonly type: 'next'; readonly response: SubgraphResponse; readonly id: string | undefined }

/**
 * Yields the events of one connection, no faster than they are taken. Returns when the subgraph completes. Throws
 * UpstreamRefusal, or a CallerError other than UNAVAILABLE, when another attempt would end the same; anything else when the
 * connection is lost or could not be opened. Aborting ends it without throwing, and tells the subgraph.
 */
export type Connect = (request: UpstreamRequest, signal: AbortSignal) => AsyncIterable<UpstreamEvent>

export type Upstreams = Readonly<Record<UpstreamEndpoint['protocol'], Connect>>

export type UpstreamLimits = {
  readonly connectMs: number
  readonly heartbeatMs: number
  readonly maxEventBytes: number
}

/** The subgraph responded with errors instead of events. */
export class UpstreamRefusal extends Error {
  readonly errors: readonly unknown[]

  constructor(service: string, errors: readonly unknown[]) {
    super(`${service} refused a subscription`)
    this.errors = errors
  }
}

/** Tells whether another attempt would end the same. */
export function isFinal(error: unknown): boolean {
  return error instanceof UpstreamRefusal || (error instanceof CallerError && error.code !== 'UNAVAILABLE')
}

/** Returns the error for an HTTP status in place of a subscription. Caller errors do not name the subgraph. */
export function refusalByStatus(service: string, status: number): Error {
  if (status === 401)
    return new CallerError('UNAUTHENTICATED', 'a service behind this graph does not accept the token')
  if (status === 403)
    return new CallerError('FORBIDDEN', 'a service behind this graph does not allow this subscription')
  return new CallerError('UNAVAILABLE', `${service} responded to a subscription with HTTP ${status}`)
}

/** Throws UNAVAILABLE for a payload that is no GraphQL response. */
export function readEvent(service: string, payload: unknown, id: string | undefined): UpstreamEvent {
  if (!isObject(payload) || !('data' in payload || Array.isArray(payload.errors)))
    throw new CallerError('UNAVAILABLE', `${service} sent an event that is not a GraphQL response`)
  return { type: 'next', response: responseOf(payload), id }
}
