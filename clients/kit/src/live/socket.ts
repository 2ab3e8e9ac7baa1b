// A session over WebSocket: the client side of graphql-transport-ws.
import { type GraphqlError, type GraphqlRequest, isObject, isResult, requestJson } from '../core/request.ts'
import {
  keepTokenFresh,
  type Session,
  type SessionEnd,
  type SessionEvents,
  type SessionOptions,
} from './session.ts'

const UNAUTHENTICATED = 4401
/** The server did not understand this client: bad request, forbidden, subprotocol, twice the same id, twice the start. */
const FATAL_CODES = [4400, 4403, 4406, 4409]

type Connection = {
  readonly socket: WebSocket
  readonly options: SessionOptions
  readonly events: SessionEvents
  /** What is subscribed to once the server has accepted the connection. */
  readonly waiting: Map<string, GraphqlRequest>
  live: boolean
  over: boolean
  stopTokens: () => void
  timer: ReturnType<typeof setTimeout>
}

/** Throws where there is no WebSocket. */
export function openSocket(options: SessionOptions, events: SessionEvents): Session {
  const { WebSocket: Socket, url, token, timeoutMs } = options
  if (!Socket) throw new Error('there is no WebSocket here')
  const socket = new Socket(url.replace(/^http/, 'ws'), 'graphql-transport-ws')
  const connection: Connection = {
    socket,
    options,
    events,
    waiting: new Map(),
    live: false,
    over: false,
    stopTokens: () => {},
    timer: setTimeout(
      () => end(connection, { reason: 'the server did not accept the connection in time' }),
      timeoutMs,
    ),
  }
  socket.onopen = () =>
    send(connection, {
      type: 'connection_init',
      ...(token && { payload: { authorization: `Bearer ${token}` } }),
    })
  socket.onmessage = ({ data }) => receive(connection, parse(data))
  socket.onerror = () => {} // a close event follows, which says more
  socket.onclose = ({ code, reason }) =>
    end(connection, {
      reason: reason || `the connection was closed (${code})`,
      tokenRefused: code === UNAUTHENTICATED,
      fatal: FATAL_CODES.includes(code),
    })
  return {
    start(id, request) {
      if (connection.live) subscribe(connection, id, request)
      else connection.waiting.set(id, request)
    },
    stop(id) {
      if (!connection.waiting.delete(id) && connection.live) send(connection, { type: 'complete', id })
    },
    close: () => void close(connection),
  }
}

function receive(connection: Connection, message: unknown): void {
  const { live, over, events } = connection
  if (over) return
  if (!isObject(message)) return void end(connection, { reason: 'the server sent no JSON', fatal: true })
  if (message.type === 'connection_ack') accept(connection)
  else if (message.type === 'ping') send(connection, { type: 'pong' })
  else tell(message, events)
  if (live) watch(connection)
}

function accept(connection: Connection): void {
  const { options, events, waiting } = connection
  connection.live = true
  // The server takes a newer token on the same connection.
  connection.stopTokens = keepTokenFresh(options.tokens, renewed =>
    send(connection, { type: 'ping', payload: { authorization: `Bearer ${renewed}` } }),
  )
  watch(connection)
  for (const [id, request] of waiting) subscribe(connection, id, request)
  waiting.clear()
  events.live()
}

function tell({ type, id, payload }: Readonly<Record<string, unknown>>, events: SessionEvents): void {
  if (typeof id !== 'string') return
  if (type === 'next' && isResult(payload)) events.next(id, payload)
  else if (type === 'error' && isErrors(payload)) events.failed(id, payload)
  else if (type === 'complete') events.completed(id)
}

/** Waits for a sign of life, then asks for one, then gives the connection up: a dead network tells nobody. */
function watch(connection: Connection): void {
  const { keepAliveMs, timeoutMs } = connection.options
  clearTimeout(connection.timer)
  if (connection.over) return
  connection.timer = setTimeout(() => {
    send(connection, { type: 'ping' })
    connection.timer = setTimeout(() => end(connection, { reason: 'the connection went silent' }), timeoutMs)
  }, keepAliveMs)
}

function subscribe({ socket }: Connection, id: string, request: GraphqlRequest): void {
  socket.send(`{"type":"subscribe","id":${JSON.stringify(id)},"payload":${requestJson(request)}}`)
}

function send({ socket }: Connection, message: object): void {
  socket.send(JSON.stringify(message))
}

function end(connection: Connection, why: SessionEnd): void {
  if (close(connection)) connection.events.ended(why)
}

function close(connection: Connection): boolean {
  if (connection.over) return false
  connection.over = true
  clearTimeout(connection.timer)
  connection.stopTokens()
  connection.socket.close(1000)
  return true
}

function isErrors(payload: unknown): payload is readonly GraphqlError[] {
  return Array.isArray(payload)
}

function parse(data: unknown): unknown {
  try {
    return JSON.parse(String(data))
  } catch {
    return undefined
  }
}
