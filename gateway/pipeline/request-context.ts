// Describes the request that an operation arrived with, and derives what goes out to subgraphs in the caller's name.
import type { IncomingHttpHeaders } from 'node:http'
import type { Claims } from '#gateway/safety/authorization/grants.ts'
import type { RateLimitedClient } from '#gateway/safety/rate-limit/client-key.ts'
import type { ForwardedHeaders } from '#gateway/transport/header-rules.ts'
import { CONSISTENCY_HEADER } from '#platform/consistency/consistency-token.ts'
import type { EndClient } from '#platform/graphql/end-client.ts'
import { headerText } from '#platform/http/header-text.ts'
import { validTraceparent } from '#platform/telemetry/tracing.ts'

/** The request or live connection that an operation came over, and its verified caller. */
export type RequestContext = {
  readonly headers: IncomingHttpHeaders
  readonly address?: string | undefined
  readonly requestId: string
  /** The verified bearer token. */
  readonly token: string | undefined
  /** The claims of `token`. */
  readonly claims?: Claims | undefined
  /** The end client that a service named; the gateway ignores such a name from anybody else. */
  readonly endClient?: EndClient | undefined
  /** True when a service sent it, which limits the load of its own clients. */
  readonly isForwarded?: boolean
  /** The positions that responses must have seen, as the consistency header writes them. */
  readonly required: string
  /** Returns true once nobody waits for the response any more. */
  readonly isAbandoned?: () => boolean
}

/** Returns the client that the operation is charged to. */
export function clientOf({ headers, address, claims, endClient }: RequestContext): RateLimitedClient {
  const { sub } = claims ?? {}
  if (endClient) return { headers, address: undefined, subject: undefined, ...endClient }
  return { headers, address, subject: typeof sub === 'string' ? sub : undefined }
}

/** The length of `tracestate` that every system must pass on (W3C Trace Context, 3.3.1.5). */
const MAX_TRACESTATE = 512

/** Returns the headers that go out to subgraphs by default. `traceparent` is the operation's own, in a batch. */
export function forwardedHeaders(
  { headers, requestId, token, required }: RequestContext,
  traceparent: string | undefined,
): ForwardedHeaders {
  const shared: Record<string, string> = {}
  if (required !== '') shared[CONSISTENCY_HEADER] = required
  if (token !== undefined) shared.authorization = `Bearer ${token}`
  return {
    shared,
    own: { 'x-request-id': requestId, ...traceContext(headers, traceparent) },
    key: `${token ?? ''}\n${required}`,
    incoming: headers,
  }
}

/** `tracestate` belongs to the `traceparent` header next to it, not to one that a batched operation has of its own. */
function traceContext(
  headers: IncomingHttpHeaders,
  own: string | undefined,
): Readonly<Record<string, string>> {
  const traceparent = validTraceparent(own ?? headerText(headers.traceparent))
  if (traceparent === undefined) return {}
  const tracestate = own === undefined ? headerText(headers.tracestate) : undefined
  return tracestate === undefined || tracestate.length > MAX_TRACESTATE
    ? { traceparent }
    : { traceparent, tracestate }
}
