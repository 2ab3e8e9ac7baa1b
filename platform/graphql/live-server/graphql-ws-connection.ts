// One client's side of graphql-transport-ws: introduction, pings, operations by id, close codes. Free of how bytes travel.
import type { IncomingHttpHeaders } from 'node:http'
import { CloseCode, MessageType } from 'graphql-ws'
import { CONSISTENCY_HEADER } from '#platform/consistency/consistency-token.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { UnknownObject } from '#platform/domain/json.ts'
import {
  type ClientMessage,
  type InvalidMessage,
  readMessage,
} from '#platform/graphql/live-server/graphql-ws-messages.ts'
import type { GraphqlRequest } from '#platform/graphql/live-server/operation-request.ts'
import type { LiveOperations, OperationSink } from '#platform/graphql/live-server/operations.ts'
import type { Pump } from '#platform/graphql/live-server/pump.ts'
import type { LiveSessions, OpenSession } from '#platform/graphql/live-server/sessions.ts'
import type { TimerWheel, WheelTimer } from '#platform/graphql/live-server/timer-wheel.ts'
import {
  type AcceptedSocket,
  type ClientSocket,
  openClientSocket,
} from '#platform/graphql/live-server/websocket.ts'
import { frameStart } from '#platform/graphql/live-server/websocket-frames.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { inService } from '#platform/telemetry/tracing.ts'

/** What a close code tells the client, beside those of the protocol (CloseCode of graphql-ws). */
export const CLOSE_CODES = {
  /** The token does not hold, or has expired: connect again with a fresh one. */
  unauthenticated: 4401,
  tooManyConnections: 4429,
  /** This server is going away: connect again, to another. */
  serviceRestart: 1012,
  /** Tokens cannot be checked now. */
  tryAgainLater: 1013,
  internalError: 1011,
} as const

/** What all live connections of a service stand on. */
export type LiveServices = {
  readonly service: string
  readonly logger: Logger
  readonly operations: LiveOperations
  readonly sessions: LiveSessions
  readonly wheel: TimerWheel
  readonly initTimeoutMs: number
  readonly heartbeatMs: number
  /** What is kept of each connection's headers, for as long as it lasts. */
  readonly keepHeaders: (headers: IncomingHttpHeaders) => IncomingHttpHeaders
}

/** Of the upgrade. */
export type UpgradeRequest = {
  readonly headers: IncomingHttpHeaders
  readonly address: string | undefined
}

type Connection = {
  readonly setup: LiveServices
  readonly socket: ClientSocket
  readonly from: Pick<IncomingHttpHeaders, 'authorization' | 'accept-language'> & UpgradeRequest
  readonly operations: Map<string, Pump>
  initialised: boolean
  session: OpenSession | undefined
  initTimeout: WheelTimer | undefined
}

const MAX_OPERATIONS = 50
const ACK = JSON.stringify({ type: MessageType.ConnectionAck })
const BINARY: InvalidMessage = { type: 'garbage', problem: 'it is binary' }
const TOO_MANY_OPERATIONS = {
  message: `a connection has at most ${MAX_OPERATIONS} operations at a time`,
  extensions: { code: 'RATE_LIMITED' },
}

/** The conversation lasts until the channel that is returned is closed, by either side. */
export function openConnection(
  accepted: AcceptedSocket,
  { headers, address }: UpgradeRequest,
  setup: LiveServices,
): ClientSocket {
  const channel = openClientSocket(accepted, setup, {
    // A socket's events come without the context that it was accepted in.
    onMessage: text =>
      inService(setup.service, () => hear(conversation, text === undefined ? BINARY : readMessage(text))),
    onDrain() {
      for (const operation of conversation.operations.values()) operation.resume()
    },
    onEnd: () => end(conversation),
  })
  const { authorization, 'accept-language': language } = headers
  const conversation: Connection = {
    setup,
    socket: channel,
    from: { authorization, 'accept-language': language, address, headers: setup.keepHeaders(headers) },
    operations: new Map(),
    initialised: false,
    session: undefined,
    initTimeout: setup.wheel.after(setup.initTimeoutMs, () =>
      channel.close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout'),
    ),
  }
  if (accepted.ws.protocol === '')
    channel.close(CloseCode.SubprotocolNotAcceptable, 'Subprotocol not acceptable')
  return channel
}

function hear(conversation: Connection, message: ClientMessage | InvalidMessage): void {
  const { socket, operations } = conversation
  switch (message.type) {
    case 'garbage':
      socket.close(CloseCode.BadRequest, `Invalid message received: ${message.problem}`)
      return
    case MessageType.ConnectionInit:
      introduce(conversation, message.payload).catch(error => fail(conversation, error))
      return
    case MessageType.Ping:
      answerPing(conversation, message.payload).catch(error => fail(conversation, error))
      return
    case MessageType.Pong:
      return
    case MessageType.Subscribe:
      subscribe(conversation, message.id, message.payload)
      return
    case MessageType.Complete:
      operations.get(message.id)?.stop()
      operations.delete(message.id)
  }
}

async function introduce(conversation: Connection, payload: UnknownObject): Promise<void> {
  const { socket, from, setup } = conversation
  if (conversation.initialised) {
    socket.close(CloseCode.TooManyInitialisationRequests, 'Too many initialisation requests')
    return
  }
  conversation.initialised = true
  setup.wheel.cancel(conversation.initTimeout)
  const opened = await setup.sessions.open({
    authorization: textOf(payload.authorization ?? payload.Authorization) ?? from.authorization,
    address: from.address,
    language: from['accept-language'],
    required: textOf(payload[CONSISTENCY_HEADER]),
    headers: from.headers,
    expired: () => socket.close(CLOSE_CODES.unauthenticated, 'the token has expired'),
  })
  if (!socket.isOpen()) {
    opened[Symbol.dispose]()
    return
  }
  conversation.session = opened
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
  { socket, session, operations, setup }: Connection,
  id: string,
  wanted: GraphqlRequest,
): void {
  if (session === undefined) socket.close(CloseCode.Unauthorized, 'Unauthorized')
  else if (operations.has(id))
    socket.close(CloseCode.SubscriberAlreadyExists, `Subscriber for ${id} already exists`)
  else if (operations.size >= MAX_OPERATIONS) sendErrors(socket, id, [TOO_MANY_OPERATIONS])
  else operations.set(id, setup.operations.start(wanted, session.session, sinkOf(id, socket, operations)))
}

function sinkOf(id: string, channel: ClientSocket, operations: Map<string, Pump>): OperationSink {
  // Answers in a row are often of one length, and then begin alike: the frame's start is never written to again.
  let start: Buffer | undefined
  let length = -1
  return {
    ready: channel.isReady,
    next({ closed }) {
      if (start === undefined || closed.length !== length) {
        length = closed.length
        start = frameStart(`{"id":${JSON.stringify(id)},"type":"next","payload":`, length)
      }
      channel.sendParts(start, closed)
    },
    fail(errors) {
      operations.delete(id)
      sendErrors(channel, id, errors)
    },
    complete() {
      operations.delete(id)
      channel.send(JSON.stringify({ id, type: MessageType.Complete }))
    },
  }
}

function sendErrors(channel: ClientSocket, id: string, payload: readonly object[]): void {
  channel.send(JSON.stringify({ id, type: MessageType.Error, payload }))
}

function fail({ socket, setup }: Connection, error: unknown): void {
  if (error instanceof CallerError && error.code === 'UNAUTHENTICATED')
    socket.close(CLOSE_CODES.unauthenticated, error.message)
  else if (error instanceof CallerError && error.code === 'RATE_LIMITED')
    socket.close(CLOSE_CODES.tooManyConnections, error.message)
  else if (error instanceof CallerError && error.code === 'UNAVAILABLE')
    socket.close(CLOSE_CODES.tryAgainLater, error.message)
  else {
    setup.logger.error({ err: error }, 'a live message could not be handled')
    socket.close(CLOSE_CODES.internalError, 'Internal error')
  }
}

function end({ operations, session, initTimeout, setup }: Connection): void {
  setup.wheel.cancel(initTimeout)
  for (const operation of operations.values()) operation.stop()
  operations.clear()
  session?.[Symbol.dispose]()
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
