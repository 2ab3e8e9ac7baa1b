// HTTP answers that last as long as an operation: places, tokens, heartbeats, backpressure, ends. Free of how parts are framed.
import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { GraphQLFormattedError } from 'graphql'
import { CONSISTENCY_HEADER } from '#platform/consistency/consistency-token.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { ConnectionLimit } from '#platform/graphql/live-server/connection-limits.ts'
import type { EncodedResult } from '#platform/graphql/live-server/encoded-results.ts'
import type { LiveServices } from '#platform/graphql/live-server/graphql-ws-connection.ts'
import type { GraphqlRequest } from '#platform/graphql/live-server/operation-request.ts'
import type { Pump } from '#platform/graphql/live-server/pump.ts'
import type { OpenSession } from '#platform/graphql/live-server/sessions.ts'
import { leaveUntimed } from '#platform/http/instrumentation.ts'
import { gauge } from '#platform/telemetry/metrics.ts'
import { inService } from '#platform/telemetry/tracing.ts'

/** How answers follow one another in a body. */
export type Framing = {
  readonly headers: Readonly<Record<string, string>>
  /** Sent at once, so that the headers are on their way. */
  readonly opening: string
  readonly heartbeat: Buffer
  next(answer: EncodedResult): Buffer
  /** The last of a body that ends by itself: after errors, or because the operation is complete. */
  end(errors: readonly GraphQLFormattedError[] | undefined): string
}

export type StreamingResponses = {
  /**
   * Answers `request` with what `wanted` gives, part by part; HEAD with the headers alone. Throws CallerError as sessions
   * do, and UNAVAILABLE when there are too many connections, with nothing sent.
   */
  serve(request: FastifyRequest, reply: FastifyReply, lasting: StreamedOperation): Promise<unknown>
}

export type StreamedOperation = { readonly wanted: GraphqlRequest; readonly framing: Framing }

/** How long a client may take to read the rest of an answer that has ended. */
const FAREWELL_MS = 3000

export function createStreamingResponses(setup: LiveServices, places: ConnectionLimit): StreamingResponses {
  const open = gauge('waybill_live_streams', 'Open event streams', ['service'])
  return {
    async serve(request, reply, { wanted, framing }) {
      if (places.isFull()) {
        reply.header('retry-after', '5')
        throw new CallerError('UNAVAILABLE', 'there are too many connections: try again in some seconds')
      }
      let stream: Stream | undefined
      const entered = await enter(request, setup, () => stream?.expire())
      if (reply.raw.destroyed) return entered[Symbol.dispose]()
      if (request.method === 'HEAD') {
        entered[Symbol.dispose]()
        return reply.headers(framing.headers).send()
      }
      leaveUntimed(request)
      reply.hijack()
      // Those that hooks set, such as for other origins: a hijacked reply sends none of them.
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) reply.raw.setHeader(name, value)
      open.inc({ service: setup.service })
      const leave = places.enter(() => stream?.breakOff())
      reply.raw.once('close', () => {
        stream?.closed()
        entered[Symbol.dispose]()
        open.dec({ service: setup.service })
        leave()
      })
      stream = inService(setup.service, () => openStream(reply.raw, { wanted, framing, entered, setup }))
    },
  }
}

function enter(
  request: FastifyRequest,
  { sessions, keepHeaders }: LiveServices,
  expired: () => void,
): Promise<OpenSession> {
  return sessions.open({
    authorization: request.headers.authorization,
    address: request.raw.socket.remoteAddress,
    language: request.headers['accept-language'],
    required: request.headers[CONSISTENCY_HEADER],
    headers: keepHeaders(request.headers),
    requestId: request.id,
    expired,
  })
}

type Stream = {
  /** The token has ended: says so, and completes. */
  expire(): void
  /** Ends without completing, so that the client connects again. */
  breakOff(): void
  closed(): void
}

type Opening = StreamedOperation & { readonly entered: OpenSession; readonly setup: LiveServices }

function openStream(response: ServerResponse, { wanted, framing, entered, setup }: Opening): Stream {
  const { wheel, heartbeatMs } = setup
  let over = false
  let full = false
  let wasFull = false
  let timer = wheel.after(heartbeatMs, heartbeat)
  response.writeHead(200, { ...framing.headers, 'x-request-id': entered.session.requestId })
  response.write(framing.opening)
  response.on('drain', () => {
    full = false
    wasFull = false
    operation.resume()
  })
  const operation: Pump = setup.operations.start(wanted, entered.session, {
    ready: () => !full,
    next: answer => write(framing.next(answer)),
    fail: finishWith,
    complete: () => finish(framing.end(undefined)),
  })

  function write(event: Buffer): void {
    if (!over && !response.write(event)) full = true
  }

  /** A client that has read nothing since the heartbeat before is cut. */
  function heartbeat(): void {
    if (wasFull) return void response.destroy()
    wasFull = full
    timer = wheel.after(heartbeatMs, heartbeat)
    if (!full) write(framing.heartbeat)
  }

  function finishWith(errors: readonly GraphQLFormattedError[]): void {
    finish(framing.end(errors))
  }

  function finish(last?: string): void {
    if (over) return
    over = true
    operation.stop()
    wheel.cancel(timer)
    timer = wheel.after(FAREWELL_MS, () => response.destroy())
    if (last === undefined) response.end()
    else response.end(last)
  }

  return {
    expire: () => finishWith([{ message: 'the token has expired', extensions: { code: 'UNAUTHENTICATED' } }]),
    breakOff: () => finish(),
    closed() {
      over = true
      operation.stop()
      wheel.cancel(timer)
    },
  }
}
