// One client's side of graphql-transport-ws: introduction, pings, operations by id, close codes. Free of how bytes travel.
import type { IncomingHttpHeaders } from 'node:http'
import { CloseCode, MessageType } from 'graphql-ws'
import { CONSISTENCY_HEADER } from '#platform/consistency/consistency-token.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { UnknownObject } from '#platform/domain/json.ts'
import {
  type ClientMessage,
  type Garbage,
  readMessage,
} from '#platform/graphql/live-server/graphql-ws-messages.ts'
import type { LiveRequest } from '#platform/graphql/live-server/operation-request.ts'
import type { LiveOperations, OperationSink } from '#platform/graphql/live-server/operations.ts'
import type { Delivery } from '#platform/graphql/live-server/pump.ts'
import type { LiveSessions, OpenSession } from '#platform/graphql/live-server/sessions.ts'
import type { Deadline, Wheel } from '#platform/graphql/live-server/timer-wheel.ts'
import { type Accepted, type Channel, openChannel } from '#platform/graphql/live-server/websocket.ts'
import { frameStart } from '#platform/graphql/live-server/websocket-frames.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { inService } from '#platform/telemetry/tracing.ts'

/** What a close code tells the client, beside those of the protocol (CloseCode of graphql-ws). */
export const LIVE_CLOSE = {
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
export type LiveSetup = {
  readonly service: string
  readonly logger: Logger
  readonly operations: LiveOperations
  readonly sessions: LiveSessions
  readonly wheel: Wheel
  readonly initTimeoutMs: number
  readonly heartbeatMs: number
  /** What is kept of each connection's headers, for as long as it lasts. */
  readonly keep: (headers: IncomingHttpHeaders) => IncomingHttpHeaders
}

/** Of the upgrade. */
export type Introduction = {
  readonly headers: IncomingHttpHeaders
  readonly address: string | undefined
}

type Conversation = {
  readonly setup: LiveSetup
  readonly channel: Channel
  readonly from: Pick<IncomingHttpHeaders, 'authorization' | 'accept-language'> & Introduction
  readonly operations: Map<string, Delivery>
  introduced: boolean
  opened: OpenSession | undefined
  patience: Deadline | undefined
}

const MAX_OPERATIONS = 50
const ACK = JSON.stringify({ type: MessageType.ConnectionAck })
const BINARY: Garbage = { type: 'garbage', problem: 'it is binary' }
const TOO_MANY_OPERATIONS = {
  message: `a connection has at most ${MAX_OPERATIONS} operations at a time`,
  extensions: { code: 'RATE_LIMITED' },
}

/** The conversation lasts until the channel that is returned is closed, by either side. */
export function converse(accepted: Accepted, { headers, address }: Introduction, setup: LiveSetup): Channel {
  const channel = openChannel(accepted, setup, {
    // A socket's events come without the context that it was accepted in.
    heard: text =>
      inService(setup.service, () => hear(conversation, text === undefined ? BINARY : readMessage(text))),
    drained() {
      for (const operation of conversation.operations.values()) operation.resume()
    },
    ended: () => end(conversation),
  })
  const { authorization, 'accept-language': language } = headers
  const conversation: Conversation = {
    setup,
    channel,
    from: { authorization, 'accept-language': language, address, headers: setup.keep(headers) },
    operations: new Map(),
    introduced: false,
    opened: undefined,
    patience: setup.wheel.after(setup.initTimeoutMs, () =>
      channel.close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout'),
    ),
  }
  if (accepted.ws.protocol === '')
    channel.close(CloseCode.SubprotocolNotAcceptable, 'Subprotocol not acceptable')
  return channel
}

function hear(conversation: Conversation, message: ClientMessage | Garbage): void {
  const { channel, operations } = conversation
  switch (message.type) {
    case 'garbage':
      channel.close(CloseCode.BadRequest, `Invalid message received: ${message.problem}`)
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

async function introduce(conversation: Conversation, payload: UnknownObject): Promise<void> {
  const { channel, from, setup } = conversation
  if (conversation.introduced) {
    channel.close(CloseCode.TooManyInitialisationRequests, 'Too many initialisation requests')
    return
  }
  conversation.introduced = true
  setup.wheel.cancel(conversation.patience)
  const opened = await setup.sessions.open({
    authorization: textOf(payload.authorization ?? payload.Authorization) ?? from.authorization,
    address: from.address,
    language: from['accept-language'],
    required: textOf(payload[CONSISTENCY_HEADER]),
    headers: from.headers,
    expired: () => channel.close(LIVE_CLOSE.unauthenticated, 'the token has expired'),
  })
  if (!channel.isOpen()) {
    opened[Symbol.dispose]()
    return
  }
  conversation.opened = opened
  channel.send(ACK)
}

async function answerPing(
  { channel, opened }: Conversation,
  payload: UnknownObject | undefined,
): Promise<void> {
  const authorization = textOf(payload?.authorization)
  if (authorization !== undefined) await opened?.refresh(authorization)
  channel.send(JSON.stringify({ type: MessageType.Pong, ...(payload && { payload }) }))
}

function subscribe(
  { channel, opened, operations, setup }: Conversation,
  id: string,
  wanted: LiveRequest,
): void {
  if (opened === undefined) channel.close(CloseCode.Unauthorized, 'Unauthorized')
  else if (operations.has(id))
    channel.close(CloseCode.SubscriberAlreadyExists, `Subscriber for ${id} already exists`)
  else if (operations.size >= MAX_OPERATIONS) sendErrors(channel, id, [TOO_MANY_OPERATIONS])
  else operations.set(id, setup.operations.start(wanted, opened.session, sinkOf(id, channel, operations)))
}

function sinkOf(id: string, channel: Channel, operations: Map<string, Delivery>): OperationSink {
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

function sendErrors(channel: Channel, id: string, payload: readonly object[]): void {
  channel.send(JSON.stringify({ id, type: MessageType.Error, payload }))
}

function fail({ channel, setup }: Conversation, error: unknown): void {
  if (error instanceof CallerError && error.code === 'UNAUTHENTICATED')
    channel.close(LIVE_CLOSE.unauthenticated, error.message)
  else if (error instanceof CallerError && error.code === 'RATE_LIMITED')
    channel.close(LIVE_CLOSE.tooManyConnections, error.message)
  else if (error instanceof CallerError && error.code === 'UNAVAILABLE')
    channel.close(LIVE_CLOSE.tryAgainLater, error.message)
  else {
    setup.logger.error({ err: error }, 'a live message could not be handled')
    channel.close(LIVE_CLOSE.internalError, 'Internal error')
  }
}

function end({ operations, opened, patience, setup }: Conversation): void {
  setup.wheel.cancel(patience)
  for (const operation of operations.values()) operation.stop()
  operations.clear()
  opened?.[Symbol.dispose]()
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
