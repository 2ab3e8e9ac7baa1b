// GraphQL over server-sent events, a connection per operation (graphql-sse's distinct mode): requests, events, ends.
import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { GraphQLFormattedError } from 'graphql'
import { CallerError } from '#platform/domain/errors.ts'
import { CONSISTENCY_HEADER, parseToken } from '#platform/graphql/consistency.ts'
import { type Answer, answerJson } from '#platform/graphql/live-answers.ts'
import type { LiveSetup } from '#platform/graphql/live-conversation.ts'
import type { Delivery } from '#platform/graphql/live-delivery.ts'
import type { LivePlaces } from '#platform/graphql/live-places.ts'
import { isRecord, type LiveRequest, readLiveRequest } from '#platform/graphql/live-request.ts'
import type { OpenSession } from '#platform/graphql/live-sessions.ts'
import type { HttpServer } from '#platform/http/server.ts'
import { gauge } from '#platform/telemetry/metrics.ts'
import { inService } from '#platform/telemetry/tracing.ts'

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-store, no-transform',
  'x-accel-buffering': 'no',
}
/** The first thing on every stream, so that its headers are on their way: how long to wait before connecting again. */
const OPENING = 'retry: 1000\n\n'
const HEARTBEAT = Buffer.from(':\n\n')
const COMPLETE = 'event: complete\ndata: \n\n'
/** How long a client may take to read the rest of a stream that has ended. */
const FAREWELL_MS = 3000

/**
 * GET and POST `url` for clients that accept text/event-stream. What is wrong with the request or its token is told by
 * the HTTP status, what is wrong with the operation by an event. An answer whose item has a cursor carries it as id;
 * a client that connects again with Last-Event-ID goes on behind it, where the operation has a variable `$after`.
 */
export function mountStreams(http: HttpServer, url: string, setup: LiveSetup, places: LivePlaces): void {
  const open = gauge('waybill_live_streams', 'Open event streams', ['service'])
  http.app.route({
    method: ['GET', 'POST'],
    url,
    exposeHeadRoute: false,
    config: { lasting: true },
    handler: async (request, reply) => {
      const problem = mediaProblem(request)
      if (problem) return refuse(reply, problem)
      if (places.isFull())
        return refuse(reply.header('retry-after', '5'), {
          status: 503,
          message: 'there are too many connections',
        })
      const wanted = readRequest(request)
      let stream: Stream | undefined
      const entered = await enter(request, setup, () => stream?.expire())
      if (reply.raw.destroyed) return entered[Symbol.dispose]()
      reply.hijack()
      reply.raw.setHeader('x-request-id', request.id)
      open.inc({ service: setup.service })
      const leave = places.enter(() => stream?.breakOff())
      reply.raw.once('close', () => {
        stream?.closed()
        entered[Symbol.dispose]()
        open.dec({ service: setup.service })
        leave()
      })
      stream = inService(setup.service, () => openStream(reply.raw, { wanted, entered, setup }))
    },
  })
}

type Refusal = { readonly status: number; readonly message: string }

function mediaProblem({ method, headers }: FastifyRequest): Refusal | undefined {
  if (!/\btext\/event-stream\b/i.test(headers.accept ?? ''))
    return { status: 406, message: 'this path answers with event streams: accept text/event-stream' }
  if (method === 'POST' && !/^application\/json\b/i.test(headers['content-type'] ?? ''))
    return { status: 415, message: 'the body should be application/json' }
  return undefined
}

function refuse(reply: FastifyReply, { status, message }: Refusal): FastifyReply {
  const code = status === 503 ? 'UNAVAILABLE' : 'BAD_USER_INPUT'
  return reply.code(status).send({ error: { code, message, requestId: reply.request.id } })
}

/** Throws CallerError BAD_USER_INPUT. A GET changes nothing: it is for queries and subscriptions. */
function readRequest({ method, body, query, headers }: FastifyRequest): LiveRequest {
  const read = readLiveRequest(method === 'GET' ? fromQueryString(query) : body)
  if ('problem' in read) throw new CallerError('BAD_USER_INPUT', read.problem)
  const last = headers['last-event-id']
  const parent = headers.traceparent
  return {
    ...read,
    ...(method === 'GET' && { readOnly: true }),
    ...(typeof last === 'string' && last !== '' && { variables: { ...read.variables, after: last } }),
    ...(typeof parent === 'string' && { extensions: { traceparent: parent, ...read.extensions } }),
  }
}

function fromQueryString(query: unknown): unknown {
  if (!isRecord(query)) return {}
  const { variables, extensions, ...texts } = query
  return { ...texts, variables: jsonOf('variables', variables), extensions: jsonOf('extensions', extensions) }
}

function jsonOf(name: string, text: unknown): unknown {
  if (typeof text !== 'string' || text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw new CallerError('BAD_USER_INPUT', `${name} should be JSON`)
  }
}

function enter(request: FastifyRequest, { sessions }: LiveSetup, expired: () => void): Promise<OpenSession> {
  const required = request.headers[CONSISTENCY_HEADER]
  return sessions.open({
    authorization: request.headers.authorization,
    address: request.raw.socket.remoteAddress,
    language: request.headers['accept-language'],
    required: parseToken(typeof required === 'string' ? required : undefined),
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

type Opening = { readonly wanted: LiveRequest; readonly entered: OpenSession; readonly setup: LiveSetup }

function openStream(response: ServerResponse, { wanted, entered, setup }: Opening): Stream {
  const { wheel, heartbeatMs } = setup
  let over = false
  let full = false
  let wasFull = false
  let timer = wheel.after(heartbeatMs, heartbeat)
  response.writeHead(200, { ...HEADERS, 'x-request-id': entered.session.requestId })
  response.write(OPENING)
  response.on('drain', () => {
    full = false
    wasFull = false
    operation.resume()
  })
  const operation: Delivery = setup.operations.start(wanted, entered.session, {
    ready: () => !full,
    next: answer => write(eventOf(answer)),
    fail: finishWith,
    complete: () => finish(COMPLETE),
  })

  function write(event: Buffer): void {
    if (!over && !response.write(event)) full = true
  }

  /** A client that has read nothing since the heartbeat before is cut. */
  function heartbeat(): void {
    if (wasFull) return void response.destroy()
    wasFull = full
    timer = wheel.after(heartbeatMs, heartbeat)
    if (!full) write(HEARTBEAT)
  }

  function finishWith(errors: readonly GraphQLFormattedError[]): void {
    finish(`event: next\ndata: ${JSON.stringify({ errors })}\n\n${COMPLETE}`)
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

/** Made once for all streams that the answer goes to. */
function eventOf(answer: Answer): Buffer {
  answer.event ??= Buffer.concat([
    Buffer.from(
      answer.cursor === undefined ? 'event: next\ndata: ' : `event: next\nid: ${answer.cursor}\ndata: `,
    ),
    answerJson(answer),
    Buffer.from('\n\n'),
  ])
  return answer.event
}
