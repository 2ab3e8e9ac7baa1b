// Live operations on an HTTP server: over WebSocket (graphql-transport-ws) and as event streams. Free of what the schema is about.
import type { IncomingHttpHeaders } from 'node:http'
import type { GraphQLSchema } from 'graphql'
import type { Verifier } from '#platform/auth/verifier.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { OperationLimits } from '#platform/graphql/documents/limits.ts'
import { createConnectionLimit } from '#platform/graphql/live-server/connection-limits.ts'
import { mountEventStreams } from '#platform/graphql/live-server/event-streams.ts'
import { createOperationExecutor, type OperationExecutor } from '#platform/graphql/live-server/execution.ts'
import type { LiveServices } from '#platform/graphql/live-server/graphql-ws-connection.ts'
import type { GraphqlRequest } from '#platform/graphql/live-server/operation-request.ts'
import { createLiveOperations } from '#platform/graphql/live-server/operations.ts'
import { createLiveSessions } from '#platform/graphql/live-server/sessions.ts'
import {
  createStreamingResponses,
  type StreamingResponses,
} from '#platform/graphql/live-server/streaming-responses.ts'
import { createTimerWheel } from '#platform/graphql/live-server/timer-wheel.ts'
import { mountWebSockets } from '#platform/graphql/live-server/websocket-upgrades.ts'
import type { HttpServer } from '#platform/http/server.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

/** Executes the operations of live connections. */
export type LiveExecutor = OperationExecutor & {
  /** What it needs of a connection's headers, which are kept as long as the connection; nothing when left out. */
  keepHeaders?(headers: IncomingHttpHeaders): IncomingHttpHeaders
}

export type LiveOptions = LiveEndpointOptions & {
  readonly schema: GraphQLSchema
  readonly verifier: Verifier
  /** Lets introspection through. */
  readonly development: boolean
  /**
   * As in mountGraphql, once per operation and once more per item that is executed. `token` of the context stays the
   * current one of the connection when it is refreshed.
   */
  readonly extend?: (base: RequestContext) => RequestContext | Promise<RequestContext>
  readonly limits?: Partial<OperationLimits>
  /** Values that an operation, or each answer of a subscription, may ask for, as estimated; any number when left out. */
  readonly maxCost?: number | undefined
  /** Gives the text of an operation that is named by its hash, and throws for one that may not run. */
  readonly persisted?: { resolve(request: GraphqlRequest): string }
}

export type LiveEndpointOptions = {
  /** Without one everybody is anonymous, and what they show is not looked at. */
  readonly verifier?: Verifier
  readonly logger: Logger
  /** `/graphql` when left out. */
  readonly path?: string
  /** Sockets and streams of one subject (of one address, for anonymous callers); 20 when left out. */
  readonly connectionsPerSubject?: number
  /** Sockets and streams altogether; 10,000 when left out. */
  readonly connections?: number
  /** Between a client's connecting and its connection_init; 3 s when left out. */
  readonly initTimeoutMs?: number
  /** Between heartbeats; a client that gives no sign of life from one to the next is cut. 12 s when left out. */
  readonly heartbeatMs?: number
}

/**
 * WebSocket at `path`: the token comes in `connection_init` as `authorization`, or in the upgrade's header, and is
 * refreshed in band by a `ping` whose payload has a new one for the same subject and role. Event streams at
 * `path`/stream, one per operation: the token comes in the header, and the stream ends with the token.
 * Mount before `http.listen`.
 */
export function mountLiveGraphql(http: HttpServer, options: LiveOptions): void {
  mountLive(http, createOperationExecutor({ service: http.name, ...options }), options)
}

/** The same for operations that `engine` executes. What is returned serves lasting answers on other paths. */
export function mountLive(
  http: HttpServer,
  engine: LiveExecutor,
  options: LiveEndpointOptions,
): StreamingResponses {
  const { path = '/graphql', logger, connectionsPerSubject = 20, connections = 10_000 } = options
  const wheel = createTimerWheel()
  const setup: LiveServices = {
    service: http.name,
    logger,
    wheel,
    sessions: createLiveSessions({ verifier: options.verifier, wheel, connectionsPerSubject }),
    operations: createLiveOperations(engine),
    initTimeoutMs: options.initTimeoutMs ?? 3000,
    heartbeatMs: options.heartbeatMs ?? 12_000,
    keepHeaders: headers => engine.keepHeaders?.(headers) ?? {},
  }
  const places = createConnectionLimit(connections)
  mountWebSockets(http, path, setup, places)
  const streams = createStreamingResponses(setup, places)
  mountEventStreams(http, `${path}/stream`, streams)
  http.onShutdown(places.closeAll)
  return streams
}
