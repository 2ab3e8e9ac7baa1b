// Follows subgraphs' subscriptions over graphql-transport-ws, with a WebSocket each, so that a slow reader delays no other.
import { on } from 'node:events'
import { CloseCode, GRAPHQL_TRANSPORT_WS_PROTOCOL, MessageType } from 'graphql-ws'
import { WebSocket } from 'ws'
import type { JsonObject } from '#gateway/executor/execution.ts'
import {
  type Connect,
  readEvent,
  refusalByStatus,
  type UpstreamEvent,
  type UpstreamLimits,
  UpstreamRefusal,
  type UpstreamRequest,
} from '#gateway/subscriptions/upstream/upstream.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'

/** Bounds on buffered messages: past them the socket is paused, and the rest waits in the subgraph. */
const BUFFERED = { highWaterMark: 16, lowWaterMark: 4 }
const OPERATION = '1'
const CLOSE_MS = 1000
const COMPLETE = JSON.stringify({ id: OPERATION, type: MessageType.Complete })
/** The errors for close codes after which another attempt would end the same. */
const FINAL: Readonly<Record<number, (service: string, reason: string) => Error>> = {
  [CloseCode.BadRequest]: badRequest,
  [CloseCode.BadResponse]: badRequest,
  [CloseCode.SubprotocolNotAcceptable]: badRequest,
  [CloseCode.Unauthorized]: service => refusalByStatus(service, 401),
  [CloseCode.Forbidden]: service => refusalByStatus(service, 403),
}

/** Headers are sent with the upgrade and as the payload of connection_init, since servers look at either. */
export function connectSockets(limits: UpstreamLimits): Connect {
  return (request, signal) => follow(request, signal, limits)
}

type Ending = { code: number; reason: string; status: number | undefined }

async function* follow(
  request: UpstreamRequest,
  signal: AbortSignal,
  limits: UpstreamLimits,
): AsyncGenerator<UpstreamEvent> {
  const { service, url, headers } = request
  const ending: Ending = { code: 1006, reason: '', status: undefined }
  const socket = new WebSocket(url, GRAPHQL_TRANSPORT_WS_PROTOCOL, {
    headers: { ...headers },
    maxPayload: limits.maxEventBytes,
    handshakeTimeout: limits.connectMs,
    perMessageDeflate: false,
  })
  socket.once('open', () =>
    socket.send(JSON.stringify({ type: MessageType.ConnectionInit, payload: headers })),
  )
  socket.once('unexpected-response', (_request, { statusCode }) => {
    ending.status = statusCode
    socket.terminate()
  })
  socket.once('close', (code, reason) => Object.assign(ending, { code, reason: String(reason) }))
  socket.on('error', () => {}) // reading from the socket throws the error
  const acknowledged = keepAlive(socket, limits)
  try {
    for await (const [data] of on(socket, 'message', { signal, close: ['close'], ...BUFFERED })) {
      const message = read(service, String(data))
      if (message.type === MessageType.ConnectionAck) acknowledged()
      const event = handle(socket, request, message)
      if (event === 'complete') return
      if (event) yield event
    }
  } catch (error) {
    if (signal.aborted) return
    throw ending.status === undefined ? error : refusalByStatus(service, ending.status)
  } finally {
    close(socket)
  }
  throw closeError(service, ending)
}

function handle(
  socket: WebSocket,
  { service, body }: UpstreamRequest,
  message: JsonObject,
): UpstreamEvent | 'complete' | undefined {
  switch (message.type) {
    case MessageType.ConnectionAck:
      socket.send(`{"id":"${OPERATION}","type":"${MessageType.Subscribe}","payload":${body}}`)
      return { type: 'open' }
    case MessageType.Ping:
      socket.send(JSON.stringify({ type: MessageType.Pong }))
      return undefined
    case MessageType.Next:
      return readEvent(service, message.payload, undefined)
    case MessageType.Error:
      throw new UpstreamRefusal(service, Array.isArray(message.payload) ? message.payload : [message.payload])
    case MessageType.Complete:
      return 'complete'
    default:
      return undefined
  }
}

function read(service: string, text: string): JsonObject {
  const message: unknown = JSON.parse(text)
  if (!isObject(message))
    throw new CallerError('UNAVAILABLE', `${service} sent a message that is not one of graphql-transport-ws`)
  return message
}

/** Terminates a socket that is not acknowledged in time or misses a heartbeat. One that is paused is left alone. */
function keepAlive(socket: WebSocket, { connectMs, heartbeatMs }: UpstreamLimits): () => void {
  let alive = true
  const timeout = setTimeout(() => socket.terminate(), connectMs)
  const heartbeat = setInterval(() => {
    if (socket.readyState !== WebSocket.OPEN || socket.isPaused) return
    if (!alive) return socket.terminate()
    alive = false
    socket.ping()
  }, heartbeatMs)
  for (const sign of ['message', 'pong', 'ping'])
    socket.on(sign, () => {
      alive = true
    })
  socket.once('close', () => {
    clearTimeout(timeout)
    clearInterval(heartbeat)
  })
  return () => clearTimeout(timeout)
}

function close(socket: WebSocket): void {
  if (socket.readyState === WebSocket.CLOSED) return
  if (socket.readyState === WebSocket.OPEN) socket.send(COMPLETE)
  const timeout = setTimeout(() => socket.terminate(), CLOSE_MS)
  socket.once('close', () => clearTimeout(timeout))
  socket.resume()
  socket.close(1000)
}

function closeError(service: string, { code, reason }: Ending): Error {
  const final = FINAL[code]
  if (final) return final(service, reason)
  return new CallerError('UNAVAILABLE', `${service} closed a subscription (${code} ${reason})`)
}

function badRequest(service: string, reason: string): Error {
  return new UpstreamRefusal(service, [{ message: `${service} rejected the gateway's request: ${reason}` }])
}
