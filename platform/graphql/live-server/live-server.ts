// Mounts live operations on an HTTP server: over WebSocket (graphql-transport-ws) and as event streams.
import type { IncomingMessage } from 'node:http'
import { handleProtocols } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Verifier } from '#platform/auth/verifier.ts'
import {
  type ConnectionLimit,
  createConnectionLimit,
} from '#platform/graphql/live-server/connection-limits.ts'
import { mountEventStreams } from '#platform/graphql/live-server/event-streams.ts'
import {
  createOperationExecutor,
  type ExecutionOptions,
  type OperationExecutor,
} from '#platform/graphql/live-server/execution.ts'
import {
  CLOSE_CODES,
  type LiveDependencies,
  openConnection,
} from '#platform/graphql/live-server/graphql-ws-connection.ts'
import { createLiveOperations } from '#platform/graphql/live-server/operations.ts'
import { createLiveSessions } from '#platform/graphql/live-server/sessions.ts'
import {
  createStreamingResponses,
  type StreamingResponses,
} from '#platform/graphql/live-server/streaming-responses.ts'
import { createTimerWheel } from '#platform/graphql/live-server/timer-wheel.ts'
import { type HttpServer, refuseUpgrade } from '#platform/http/server.ts'
import { gauge } from '#platform/telemetry/metrics.ts'

const MAX_PAYLOAD = 64 * 1024

export type LiveOptions = LiveEndpointOptions &
  Omit<ExecutionOptions, 'service' | 'logger'> & { readonly verifier: Verifier }

type LiveEndpointOptions = {
  /** Without one everybody is anonymous, and tokens are ignored. */
  readonly verifier?: Verifier
  /** `/graphql` when left out. */
  readonly path?: string
  /** How many sockets and streams a subject may have (an address, for anonymous callers); 20 when left out. */
  readonly connectionsPerSubject?: number
  /** How many sockets and streams there may be altogether; 10,000 when left out. */
  readonly connections?: number
  /** How long a client may take from connecting to connection_init; 3 s when left out. */
  readonly initTimeoutMs?: number
  /** How often a heartbeat is sent; a client that gives no sign of life until the next is cut. 12 s when left out. */
  readonly heartbeatMs?: number
}

/**
 * Mounts a WebSocket at `path`: the token comes in `connection_init` as `authorization`, or in the upgrade's header, and
 * is refreshed in band by a `ping` whose payload has a new one for the same subject and role. Mounts event streams at
 * `path`/stream, one per operation: the token comes in the header, and the stream ends with the token.
 * Call before `http.listen`.
 */
export function mountLiveGraphql(http: HttpServer, options: LiveOptions): void {
  const { name: service, logger } = http
  mountLive(http, createOperationExecutor({ ...options, service, logger }), options)
}

/** Mounts the same for operations that `executor` executes. Returns what serves streaming responses on other paths. */
export function mountLive(
  http: HttpServer,
  executor: OperationExecutor,
  options: LiveEndpointOptions,
): StreamingResponses {
  const { path = '/graphql', connectionsPerSubject = 20, connections = 10_000 } = options
  const wheel = createTimerWheel()
  const dependencies: LiveDependencies = {
    service: http.name,
    logger: http.logger,
    wheel,
    sessions: createLiveSessions({ verifier: options.verifier, wheel, connectionsPerSubject }),
    operations: createLiveOperations(executor),
    initTimeoutMs: options.initTimeoutMs ?? 3000,
    heartbeatMs: options.heartbeatMs ?? 12_000,
    keepHeaders: headers => executor.keepHeaders?.(headers) ?? {},
  }
  const limit = createConnectionLimit(connections)
  mountWebSockets(http, path, { dependencies, limit })
  const streams = createStreamingResponses(dependencies, limit)
  mountEventStreams(http, `${path}/stream`, streams)
  http.onShutdown(limit.closeAll)
  return streams
}

type WebSocketSetup = { readonly dependencies: LiveDependencies; readonly limit: ConnectionLimit }

/** Messages are at most 64 KB: a longer one closes its connection with 1009. */
function mountWebSockets(http: HttpServer, path: string, { dependencies, limit }: WebSocketSetup): void {
  const { service } = dependencies
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_PAYLOAD,
    handleProtocols,
    perMessageDeflate: false,
    clientTracking: false,
    autoPong: false,
  })
  const open = gauge('waybill_live_connections', 'Open WebSocket connections', ['service'])

  /** Keeps nothing of the request, which would take as much memory as the rest of the connection. */
  function connect(ws: WebSocket, { headers, socket }: IncomingMessage): void {
    open.inc({ service })
    const client = openConnection({ ws, socket }, { headers, address: socket.remoteAddress }, dependencies)
    const leave = limit.enter(() => client.close(CLOSE_CODES.serviceRestart, 'Service Restart'))
    ws.once('close', () => {
      open.dec({ service })
      leave()
    })
  }

  http.onUpgrade(path, (request, socket, head) => {
    if (limit.isFull()) refuseUpgrade(socket, '503 Service Unavailable', 'Retry-After: 5')
    else sockets.handleUpgrade(request, socket, head, connect)
  })
}
