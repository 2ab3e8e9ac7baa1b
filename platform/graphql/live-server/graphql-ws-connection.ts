// Speaks graphql-transport-ws with one client: initialisation, pings, operations by id, close codes.
import type { IncomingHttpHeaders } from 'node:http'
import { CloseCode, MessageType } from 'graphql-ws'
import { CONSISTENCY_HEADER } from '#platform/consistency/consistency-token.ts'
import { type CallerCode, CallerError } from '#platform/domain/errors.ts'
import type { UnknownObject } from '#platform/domain/json.ts'
import type { GraphqlRequest } from '#platform/graphql/live-server/graphql-request.ts'
import {
  type ClientMessage,
  type InvalidMessage,
  readMessage,
} from '#platform/graphql/live-server/graphql-ws-messages.ts'
import type { LiveOperations, OperationSink } from '#platform/graphql/live-server/operations.ts'
import type { Pump } from '#platform/graphql/live-server/pump.ts'
import type { LiveSessions, OpenSession } from '#platform/graphql/live-server/sessions.ts'
import type { TimerWheel, WheelTimer } from '#platform/graphql/live-server/timer-wheel.ts'
import {
  type AcceptedSocket,
  type ClientSocket,
  frameStart,
  openClientSocket,
} from '#platform/graphql/live-server/websocket.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { inService } from '#platform/telemetry/tracing.ts'

/** The close codes beside those of the protocol (CloseCode of graphql-ws). */
export const CLOSE_CODES = {
  /** The token is not valid, or has expired: connect again with a fresh one. */
  unauthenticated: 4401,
  tooManyConnections: 4429,
  /** This server is shutting down: connect again, to another. */
  serviceRestart: 1012,
  /** Tokens cannot be checked now. */
  tryAgainLater: 1013,
  internalError: 1011,
} as const

const CODES_OF_REFUSALS: Partial<Record<CallerCode, number>> = {
  UNAUTHENTICATED: CLOSE_CODES.unauthenticated,
  RATE_LIMITED: CLOSE_CODES.tooManyConnections,
  UNAVAILABLE: CLOSE_CODES.tryAgainLater,
}

/** All live connections of a service share these dependencies. */
export type LiveDependencies = {
  readonly service: string
  readonly logger: Logger
  readonly operations: LiveOperations
  readonly sessions: LiveSessions
  readonly wheel: TimerWheel
  readonly initTimeoutMs: number
  readonly heartbeatMs: number
  /** Returns the headers that are kept for as long as a connection lasts. */
  readonly keepHeaders: (headers: IncomingHttpHeaders) => IncomingHttpHeaders
}

/** The request that was upgraded to a WebSocket. */
type UpgradeRequest = {
  readonly headers: IncomingHttpHeaders
  readonly address: string | undefined
}

type Connection = {
  readonly dependencies: LiveDependencies
  readonly socket: ClientSocket
  readonly upgrade: Pick<IncomingHttpHeaders, 'authorization' | 'accept-language'> & UpgradeRequest
  readonly operations: Map<string, Pump>
  initialised: boolean
  session: OpenSession | undefined
  initTimeout: WheelTimer | undefined
}

const MAX_OPERATIONS = 50
const ACK = JSON.stringify({ type: MessageType.ConnectionAck })
const BINARY: InvalidMessage = { type: 'invalid', problem: 'it is binary' }
const TOO_MANY_OPERATIONS = {
  message: `a connection has at most ${MAX_OPERATIONS} operations at a time`,
  extensions: { code: 'RATE_LIMITED' },
}

/** The connection lasts until the socket that is returned is closed, by either side. */
export function openConnection(
  accepted: AcceptedSocket,
  { headers, address }: UpgradeRequest,
  dependencies: LiveDependencies,
): ClientSocket {
  const socket = openClientSocket(accepted, dependencies, {
    // A socket emits its events outside the context that it was accepted in.
    onMessage: text =>
      inService(dependencies.service, () =>
        handleMessage(connection, text === undefined ? BINARY : readMessage(text)),
      ),
    onDrain() {
      for (const operation of connection.operations.values()) operation.resume()
    },
    onEnd: () => end(connection),
  })
  const { authorization, 'accept-language': language } = headers
  const connection: Connection = {
    dependencies,
    socket,
    upgrade: {
      authorization,
      'accept-language': language,
      address,
      headers: dependencies.keepHeaders(headers),
    },
    operations: new Map(),
    initialised: false,
    session: undefined,
    initTimeout: dependencies.wheel.after(dependencies.initTimeoutMs, () =>
      socket.close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout'),
    ),
  }
  if (accepted.ws.protocol === '')
    socket.close(CloseCode.SubprotocolNotAcceptable, 'Subprotocol not acceptable')
  return socket
}

function handleMessage(connection: Connection, message: ClientMessage | InvalidMessage): void {
  const { socket, operations } = connection
  switch (message.type) {
    case 'invalid':
      socket.close(CloseCode.BadRequest, `Invalid message received: ${message.problem}`)
      return
    case MessageType.ConnectionInit:
      initialise(connection, message.payload).catch(error => fail(connection, error))
      return
    case MessageType.Ping:
      answerPing(connection, message.payload).catch(error => fail(connection, error))
      return
    case MessageType.Pong:
      return
    case MessageType.Subscribe:
      subscribe(connection, message.id, message.payload)
      return
    case MessageType.Complete:
      operations.get(message.id)?.stop()
      operations.delete(message.id)
  }
}

async function initialise(connection: Connection, payload: UnknownObject): Promise<void> {
  const { socket, upgrade, dependencies } = connection
  if (connection.initialised) {
    socket.close(CloseCode.TooManyInitialisationRequests, 'Too many initialisation requests')
    return
  }
  connection.initialised = true
  dependencies.wheel.cancel(connection.initTimeout)
  const opened = await dependencies.sessions.open({
    authorization: textOf(payload.authorization ?? payload.Authorization) ?? upgrade.authorization,
    address: upgrade.address,
    language: upgrade['accept-language'],
    required: textOf(payload[CONSISTENCY_HEADER]),
    headers: upgrade.headers,
    expired: () => socket.close(CLOSE_CODES.unauthenticated, 'the token has expired'),
  })
  if (!socket.isOpen()) {
    opened[Symbol.dispose]()
    return
  }
  connection.session = opened
  socket.send(ACK)
}

async function answerPing(
  { socket, session }: Connection,
  payload: UnknownObject | undefined,
): Promise<void> {
  const authorization = textOf(payload?.authorization)
  if (authorization !== undefined) await session?.refresh(authorization)
  socket.send(JSON.stringify({ type: MessageType.Pong, ...(payload && { payload }) }))
}

function subscribe(
  { socket, session, operations, dependencies }: Connection,
  id: string,
  request: GraphqlRequest,
): void {
  if (session === undefined) socket.close(CloseCode.Unauthorized, 'Unauthorized')
  else if (operations.has(id))
    socket.close(CloseCode.SubscriberAlreadyExists, `Subscriber for ${id} already exists`)
  else if (operations.size >= MAX_OPERATIONS) sendErrors(socket, id, [TOO_MANY_OPERATIONS])
  else
    operations.set(
      id,
      dependencies.operations.start(request, session.session, sinkOf(id, socket, operations)),
    )
}

function sinkOf(id: string, socket: ClientSocket, operations: Map<string, Pump>): OperationSink {
  // Results in a row are often of one length, and then start alike: the frame's start is never written to again.
  let start: Buffer | undefined
  let length = -1
  return {
    ready: socket.isReady,
    next({ closed }) {
      if (start === undefined || closed.length !== length) {
        length = closed.length
        start = frameStart(`{"id":${JSON.stringify(id)},"type":"next","payload":`, length)
      }
      socket.sendParts(start, closed)
    },
    fail(errors) {
      operations.delete(id)
      sendErrors(socket, id, errors)
    },
    complete() {
      operations.delete(id)
      socket.send(JSON.stringify({ id, type: MessageType.Complete }))
    },
  }
}

function sendErrors(socket: ClientSocket, id: string, payload: readonly object[]): void {
  socket.send(JSON.stringify({ id, type: MessageType.Error, payload }))
}

function fail({ socket, dependencies }: Connection, error: unknown): void {
  const code = error instanceof CallerError ? CODES_OF_REFUSALS[error.code] : undefined
  if (error instanceof CallerError && code) return void socket.close(code, error.message)
  dependencies.logger.error(
    { err: error },
    'a WebSocket message could not be handled, closing the connection',
  )
  socket.close(CLOSE_CODES.internalError, 'Internal error')
}

function end({ operations, session, initTimeout, dependencies }: Connection): void {
  dependencies.wheel.cancel(initTimeout)
  for (const operation of operations.values()) operation.stop()
  operations.clear()
  session?.[Symbol.dispose]()
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
