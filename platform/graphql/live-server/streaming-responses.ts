// Sends HTTP responses that last as long as an operation: limits, tokens, heartbeats, backpressure and their end.
import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { GraphQLFormattedError } from 'graphql'
import { CONSISTENCY_HEADER } from '#platform/consistency/consistency-token.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { ConnectionLimit } from '#platform/graphql/live-server/connection-limits.ts'
import type { EncodedResult } from '#platform/graphql/live-server/encoded-results.ts'
import type { GraphqlRequest } from '#platform/graphql/live-server/graphql-request.ts'
import type { LiveDependencies } from '#platform/graphql/live-server/graphql-ws-connection.ts'
import type { Pump } from '#platform/graphql/live-server/pump.ts'
import type { OpenSession } from '#platform/graphql/live-server/sessions.ts'
import { leaveUntimed } from '#platform/http/instrumentation.ts'
import { gauge } from '#platform/telemetry/metrics.ts'
import { inService } from '#platform/telemetry/tracing.ts'

/** How results follow one another in a body. */
export type Framing = {
  readonly headers: Readonly<Record<string, string>>
  /** Sent at once, so that the headers are on their way. */
  readonly opening: string
  readonly heartbeat: Buffer
  next(result: EncodedResult): Buffer
  /** Returns the last part of a body that ends by itself: after errors, or because the operation is complete. */
  end(errors: readonly GraphQLFormattedError[] | undefined): string
}

export type StreamingResponses = {
  /**
   * Answers `request` with the results of the operation, part by part; HEAD with the headers alone. Throws CallerError
   * as sessions do, and UNAVAILABLE when there are too many connections, with nothing sent.
   */
  serve(request: FastifyRequest, reply: FastifyReply, streamed: StreamedOperation): Promise<unknown>
}

type StreamedOperation = { readonly operation: GraphqlRequest; readonly framing: Framing }

/** How long a client may take to read the rest of a response that has ended. */
const END_TIMEOUT_MS = 3000

export function createStreamingResponses(
  dependencies: LiveDependencies,
  limit: ConnectionLimit,
): StreamingResponses {
  const open = gauge('waybill_live_streams', 'Open event streams', ['service'])
  return {
    async serve(request, reply, { operation, framing }) {
      if (limit.isFull())
        throw new CallerError('UNAVAILABLE', 'there are too many connections: try again in some seconds', {
          retryAfterSeconds: 5,
        })
      let stream: Stream | undefined
      const session = await openSession(request, dependencies, () => stream?.expire())
      if (reply.raw.destroyed) return session[Symbol.dispose]()
      if (request.method === 'HEAD') {
        session[Symbol.dispose]()
        return reply.headers(framing.headers).send()
      }
      leaveUntimed(request)
      reply.hijack()
      // A hijacked reply sends none of the headers that hooks set, such as those for other origins.
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) reply.raw.setHeader(name, value)
      open.inc({ service: dependencies.service })
      const leave = limit.enter(() => stream?.disconnect())
      reply.raw.once('close', () => {
        stream?.closed()
        session[Symbol.dispose]()
        open.dec({ service: dependencies.service })
        leave()
      })
      stream = inService(dependencies.service, () =>
        openStream(reply.raw, { operation, framing, session, dependencies }),
      )
    },
  }
}

function openSession(
  request: FastifyRequest,
  { sessions, keepHeaders }: LiveDependencies,
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
  /** Reports that the token has expired, and completes. */
  expire(): void
  /** Ends without completing, so that the client reconnects. */
  disconnect(): void
  closed(): void
}

type StreamOptions = StreamedOperation & {
  readonly session: OpenSession
  readonly dependencies: LiveDependencies
}

function openStream(
  response: ServerResponse,
  { operation, framing, session, dependencies }: StreamOptions,
): Stream {
  const { wheel, heartbeatMs } = dependencies
  let ended = false
  let full = false
  let wasFullBefore = false
  let timer = wheel.after(heartbeatMs, heartbeat)
  response.writeHead(200, { ...framing.headers, 'x-request-id': session.session.requestId })
  response.write(framing.opening)
  response.on('drain', () => {
    full = false
    wasFullBefore = false
    pump.resume()
  })
  const pump: Pump = dependencies.operations.start(operation, session.session, {
    ready: () => !full,
    next: result => write(framing.next(result)),
    fail: finishWithErrors,
    complete: () => finish(framing.end(undefined)),
  })

  function write(event: Buffer): void {
    if (!ended && !response.write(event)) full = true
  }

  /** A client that has read nothing since the heartbeat before is cut. */
  function heartbeat(): void {
    if (wasFullBefore) return void response.destroy()
    wasFullBefore = full
    timer = wheel.after(heartbeatMs, heartbeat)
    if (!full) write(framing.heartbeat)
  }

  function finishWithErrors(errors: readonly GraphQLFormattedError[]): void {
    finish(framing.end(errors))
  }

  function finish(last?: string): void {
    if (ended) return
    ended = true
    pump.stop()
    wheel.cancel(timer)
    timer = wheel.after(END_TIMEOUT_MS, () => response.destroy())
    if (last === undefined) response.end()
    else response.end(last)
  }

  return {
    expire: () =>
      finishWithErrors([{ message: 'the token has expired', extensions: { code: 'UNAUTHENTICATED' } }]),
    disconnect: () => finish(),
    closed() {
      ended = true
      pump.stop()
      wheel.cancel(timer)
    },
  }
}
