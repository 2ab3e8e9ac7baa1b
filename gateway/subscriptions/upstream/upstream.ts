// A subgraph's subscription as the gateway follows it: what is asked, what comes, what ends it for good. Free of transport.
import type { SubgraphResponse } from '#gateway/executor/execution.ts'
import type { SourceSettings } from '#gateway/subscriptions/settings.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'

/** Where a subgraph is subscribed to: at any of its instances, as they are when it is asked for. */
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
  /** The subgraph has been asked; events come from now on. */
  | { readonly type: 'open' }
  | { readonly type: 'next'; readonly answer: SubgraphResponse; readonly id: string | undefined }

/**
 * One connection's events, as fast as they are taken and no faster. Returns when the subgraph says that it is complete.
 * Throws `Refused`, or a CallerError that is not UNAVAILABLE, when asking again is no use; anything else when the
 * connection is lost, or there was none. Aborting ends it without throwing, and tells the subgraph.
 */
export type Connect = (request: UpstreamRequest, signal: AbortSignal) => AsyncIterable<UpstreamEvent>

export type UpstreamLimits = {
  readonly connectMs: number
  readonly heartbeatMs: number
  readonly maxEventBytes: number
}

/** The subgraph has answered with errors instead of events. */
export class UpstreamRefusal extends Error {
  readonly errors: readonly unknown[]

  constructor(service: string, errors: readonly unknown[]) {
    super(`${service} has refused a subscription`)
    this.errors = errors
  }
}

/** True when asking again gives the same again. */
export function isFinal(error: unknown): boolean {
  return error instanceof UpstreamRefusal || (error instanceof CallerError && error.code !== 'UNAVAILABLE')
}

/** What an HTTP status says instead of a subscription. Names no subgraph to the caller. */
export function refusalByStatus(service: string, status: number): Error {
  if (status === 401)
    return new CallerError('UNAUTHENTICATED', 'a service behind this graph does not accept the token')
  if (status === 403)
    return new CallerError('FORBIDDEN', 'a service behind this graph does not allow this subscription')
  return new CallerError('UNAVAILABLE', `${service} does not answer with a subscription (HTTP ${status})`)
}

export function readEvent(service: string, payload: unknown, id: string | undefined): UpstreamEvent {
  if (!isObject(payload) || !('data' in payload || Array.isArray(payload.errors)))
    throw new CallerError('UNAVAILABLE', `${service} has sent an event that is not a GraphQL answer`)
  const answer = {
    data: isObject(payload.data) ? payload.data : null,
    ...(Array.isArray(payload.errors) && { errors: payload.errors }),
  }
  return { type: 'next', answer, id }
}

/** `addresses` gives where the subgraph answers queries now. */
export function resolveEndpoint(
  { protocol = 'ws', url, path }: SourceSettings,
  addresses: () => readonly string[],
): UpstreamEndpoint {
  const at = (address: string): string => {
    const place = new URL(address)
    if (path !== undefined && url === undefined) {
      place.pathname = path
      place.search = ''
    }
    const secure = place.protocol === 'https:' || place.protocol === 'wss:'
    return place.href.replace(/^\w+:/, `${protocol === 'ws' ? 'ws' : 'http'}${secure ? 's' : ''}:`)
  }
  return {
    protocol,
    get urls() {
      return (url === undefined ? addresses() : [url]).map(at)
    },
  }
}
