// Subscriptions over WebSocket (graphql-transport-ws) on an HTTP server's upgrades. Free of what the schema is about.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { GraphQLSchema } from 'graphql'
import { handleProtocols, makeServer } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Verifier } from '#platform/auth/verifier.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { OperationLimits } from '#platform/graphql/limits.ts'
import { createLiveOperations } from '#platform/graphql/live-operations.ts'
import { createLiveSessions, type LiveExtra } from '#platform/graphql/live-sessions.ts'
import type { HttpServer } from '#platform/http/server.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { gauge } from '#platform/telemetry/metrics.ts'
import { inService } from '#platform/telemetry/tracing.ts'

export type LiveOptions = {
  readonly schema: GraphQLSchema
  readonly verifier: Verifier
  /** Lets introspection through. */
  readonly development: boolean
  readonly logger: Logger
  /** `/graphql` when left out. */
  readonly path?: string
  /** As in mountGraphql. `token` of the context stays the current one of the connection when it is refreshed. */
  readonly extend?: (base: RequestContext) => RequestContext | Promise<RequestContext>
  readonly limits?: Partial<OperationLimits>
  /** Connections of one subject (of one address, for anonymous callers); 20 when left out. */
  readonly connectionsPerSubject?: number
  /** Connections altogether; 10,000 when left out. */
  readonly connections?: number
  /** Between a client's connecting and its connection_init; 3 s when left out. */
  readonly initTimeoutMs?: number
  /** Between pings; a client that misses one is cut. 12 s when left out. */
  readonly heartbeatMs?: number
}

/** What a close code tells the client. */
export const LIVE_CLOSE = {
  /** The token does not hold, or has expired: connect again with a fresh one. */
  unauthenticated: 4401,
  tooManyConnections: 4429,
  /** This server is going away: connect again, to another. */
  serviceRestart: 1012,
} as const

const MAX_PAYLOAD = 64 * 1024
const FAREWELL_MS = 3000
/** Closes are spread so that clients do not all come back at once. */
const SPREAD_PER_SOCKET_MS = 2
const MAX_SPREAD_MS = 5000

/**
 * The token comes in `connection_init` as `authorization`, or in the upgrade's header, and is refreshed in band by a
 * `ping` whose payload has a new one for the same subject. Messages are at most 64 KB. Mount before `http.listen`.
 */
export function mountLiveGraphql(http: HttpServer, options: LiveOptions): void {
  const { path = '/graphql', heartbeatMs = 12_000, connections = 10_000, logger } = options
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_PAYLOAD,
    handleProtocols,
    perMessageDeflate: false,
  })
  const sessions = createLiveSessions(options)
  const server = makeServer<Record<string, unknown>, LiveExtra>({
    connectionInitWaitTimeout: options.initTimeoutMs ?? 3000,
    ...sessions.hooks,
    ...createLiveOperations(http.name, options),
  })
  const open = gauge('waybill_live_connections', 'Open WebSocket connections', ['service'])
  sockets.on('connection', (socket: WebSocket, request: IncomingMessage) => {
    open.inc({ service: http.name })
    socket.once('close', () => open.dec({ service: http.name }))
    keepAlive(socket, heartbeatMs)
    converse(server, { socket, request }, { service: http.name, logger })
  })
  http.onUpgrade(path, (request, socket, head) => {
    if (sockets.clients.size >= connections) return refuseConnection(socket)
    sockets.handleUpgrade(request, socket, head, accepted => sockets.emit('connection', accepted, request))
  })
  http.onShutdown(() => farewell(sockets))
}

type LiveServer = ReturnType<typeof makeServer<Record<string, unknown>, LiveExtra>>

/** Joins one socket to the protocol. */
function converse(
  server: LiveServer,
  extra: LiveExtra,
  { service, logger }: { readonly service: string; readonly logger: Logger },
): void {
  const { socket } = extra
  const closed = server.opened(
    {
      protocol: socket.protocol,
      send: data => sendText(socket, data),
      close: (code, reason) => socket.close(code, reason),
      onMessage: receive =>
        socket.on('message', data => {
          // A socket's events come without the context that it was accepted in.
          inService(service, () => receive(String(data))).catch((error: unknown) => {
            logger.error({ err: error }, 'a live message could not be handled')
            socket.close(1011, 'Internal error')
          })
        }),
    },
    extra,
  )
  socket.once('error', error => logger.debug({ err: error }, 'a live connection broke'))
  socket.once('close', (code, reason) => {
    closed(code, String(reason)).catch((error: unknown) =>
      logger.error({ err: error }, 'a live connection could not be cleaned up'),
    )
  })
}

/** Resolves when the text is on its way: a slow client holds up its own subscriptions, and nothing piles up here. */
function sendText(socket: WebSocket, text: string): Promise<void> {
  if (socket.readyState !== socket.OPEN) return Promise.resolve()
  return new Promise((resolve, reject) => {
    socket.send(text, error => (error && socket.readyState === socket.OPEN ? reject(error) : resolve()))
  })
}

function keepAlive(socket: WebSocket, heartbeatMs: number): void {
  let alive = true
  const timer = setInterval(() => {
    if (!alive) return socket.terminate()
    alive = false
    socket.ping()
  }, heartbeatMs)
  socket.on('pong', () => {
    alive = true
  })
  socket.once('close', () => clearInterval(timer))
}

function refuseConnection(socket: Duplex): void {
  socket.once('error', () => socket.destroy())
  socket.end(
    'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n',
  )
}

/** Asks every client to reconnect, over a moment; cuts those that do not answer. */
async function farewell(sockets: WebSocketServer): Promise<void> {
  const clients = [...sockets.clients]
  sockets.close()
  const spread = Math.min(MAX_SPREAD_MS, clients.length * SPREAD_PER_SOCKET_MS)
  await Promise.all(clients.map(client => closeOne(client, Math.random() * spread)))
}

function closeOne(client: WebSocket, afterMs: number): Promise<void> {
  return new Promise(resolve => {
    if (client.readyState === client.CLOSED) return resolve()
    const close = setTimeout(() => client.close(LIVE_CLOSE.serviceRestart, 'Service Restart'), afterMs)
    const cut = setTimeout(() => client.terminate(), afterMs + FAREWELL_MS)
    client.once('close', () => {
      clearTimeout(close)
      clearTimeout(cut)
      resolve()
    })
  })
}
