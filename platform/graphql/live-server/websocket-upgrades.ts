// WebSockets on an HTTP server's upgrades: accepted, counted, and closed over a moment when the server stops.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { handleProtocols } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import type { ConnectionLimit } from '#platform/graphql/live-server/connection-limits.ts'
import {
  CLOSE_CODES,
  type LiveServices,
  openConnection,
} from '#platform/graphql/live-server/graphql-ws-connection.ts'
import type { HttpServer } from '#platform/http/server.ts'
import { gauge } from '#platform/telemetry/metrics.ts'

const MAX_PAYLOAD = 64 * 1024

/** Messages are at most 64 KB: a longer one closes its connection with 1009. */
export function mountWebSockets(
  http: HttpServer,
  path: string,
  setup: LiveServices,
  places: ConnectionLimit,
): void {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_PAYLOAD,
    handleProtocols,
    perMessageDeflate: false,
    clientTracking: false,
    autoPong: false,
  })
  const open = gauge('waybill_live_connections', 'Open WebSocket connections', ['service'])

  /** Keeps nothing of `request`, which would weigh as much as all else that is kept of a connection. */
  function join(ws: WebSocket, { headers, socket }: IncomingMessage): void {
    open.inc({ service: setup.service })
    const channel = openConnection({ ws, socket }, { headers, address: socket.remoteAddress }, setup)
    const leave = places.enter(() => channel.close(CLOSE_CODES.serviceRestart, 'Service Restart'))
    ws.once('close', () => {
      open.dec({ service: setup.service })
      leave()
    })
  }

  http.onUpgrade(path, (request, socket, head) => {
    if (places.isFull()) refuse(socket)
    else sockets.handleUpgrade(request, socket, head, join)
  })
}

function refuse(socket: Duplex): void {
  socket.once('error', () => socket.destroy())
  socket.end(
    'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n',
  )
}
