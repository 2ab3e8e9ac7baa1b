// Serves GraphQL over server-sent events, a connection per operation (the distinct mode of graphql-sse).
import type { FastifyRequest } from 'fastify'
import { CallerError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'
import { type EncodedResult, resultJson } from '#platform/graphql/live-server/encoded-results.ts'
import { type GraphqlRequest, readGraphqlRequest } from '#platform/graphql/live-server/graphql-request.ts'
import type { Framing, StreamingResponses } from '#platform/graphql/live-server/streaming-responses.ts'
import { mountGraphqlRoute } from '#platform/graphql/route.ts'
import { RequestError } from '#platform/http/errors.ts'
import { parseBody } from '#platform/http/json-body.ts'
import { preferredType } from '#platform/http/media-types.ts'
import { isRead } from '#platform/http/methods.ts'
import type { HttpServer } from '#platform/http/server.ts'

const COMPLETE = 'event: complete\ndata: \n\n'
/** The events of graphql-sse. */
const EVENTS: Framing = {
  headers: {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-store, no-transform',
    'x-accel-buffering': 'no',
  },
  opening: 'retry: 1000\n\n', // how long to wait before connecting again
  heartbeat: Buffer.from(':\n\n'),
  next: eventOf,
  end: errors => (errors ? `event: next\ndata: ${JSON.stringify({ errors })}\n\n${COMPLETE}` : COMPLETE),
}

/**
 * Mounts GET and POST `url` for clients that accept text/event-stream. The HTTP status reports what is wrong with the
 * request or its token, an event what is wrong with the operation. A result whose item has a cursor carries it as id; a
 * client that reconnects with Last-Event-ID resumes after it, where the operation has a variable `$after`.
 */
export function mountEventStreams(http: HttpServer, url: string, streams: StreamingResponses): void {
  mountGraphqlRoute(http, {
    url,
    lasting: true,
    async handler(request, reply) {
      if (preferredType(request.headers.accept, ['text/event-stream']) === undefined)
        throw new RequestError(406, 'this path answers with event streams: accept text/event-stream')
      return streams.serve(request, reply, { operation: readRequest(request), framing: EVENTS })
    },
  })
}

/** Throws CallerError BAD_USER_INPUT. A GET changes nothing: it is for queries and subscriptions. */
function readRequest(request: FastifyRequest): GraphqlRequest {
  const { query, headers } = request
  const read = readGraphqlRequest(isRead(request) ? fromQueryString(query) : parseBody(request))
  if ('problem' in read) throw new CallerError('BAD_USER_INPUT', read.problem)
  const last = headers['last-event-id']
  const parent = headers.traceparent
  return {
    ...read,
    ...(isRead(request) && { readOnly: true }),
    ...(typeof last === 'string' && last !== '' && { variables: { ...read.variables, after: last } }),
    ...(typeof parent === 'string' && { extensions: { traceparent: parent, ...read.extensions } }),
  }
}

function fromQueryString(query: unknown): unknown {
  if (!isObject(query)) return {}
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

/** Makes the event once for all streams that the result goes to. */
function eventOf(result: EncodedResult): Buffer {
  result.event ??= Buffer.concat([
    Buffer.from(
      result.cursor === undefined ? 'event: next\ndata: ' : `event: next\nid: ${result.cursor}\ndata: `,
    ),
    resultJson(result),
    Buffer.from('\n\n'),
  ])
  return result.event
}
