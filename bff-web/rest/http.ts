// The HTTP of the REST routes: reads JSON bodies and sends JSON ones, with what may be cached.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from '#bff-web/rest/problem.ts'
import { API_PATH } from '#bff-web/rest/routes.ts'
import { encodeResponse, sendResponse } from '#platform/http/response-body.ts'

type JsonParser = (
  request: FastifyRequest,
  body: string,
  done: (error: Error | null, body?: unknown) => void,
) => void

/** Returns a parser that reads an empty body as undefined: cancelling an order needs no body. */
export function parseJson(scope: FastifyInstance): JsonParser {
  const parse = scope.getDefaultJsonParser('error', 'error')
  return (request, body, done) => {
    if (body === '') return done(null, undefined)
    void parse(request, body, done)
  }
}

export function sendNotFound(_request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const detail = `there is nothing at this path; ${API_PATH}/openapi.json says what there is`
  return sendProblem(reply, { status: 404, code: 'NOT_FOUND', detail })
}

const JSON_TYPE = 'application/json; charset=utf-8'

/** Sends a body that only the client may cache and must revalidate: 304 while it is the same. Compresses it as the client accepts. */
export async function sendCacheable(
  request: FastifyRequest,
  reply: FastifyReply,
  body: string,
): Promise<FastifyReply> {
  const answer = encodeResponse({ text: body, headers: { 'content-type': JSON_TYPE }, tagged: true })
  await sendResponse(request, reply, answer)
  return reply
}

/** Sends the outcome of a command, which nobody may cache. */
export function sendUncacheable(reply: FastifyReply, body: string): FastifyReply {
  return reply.header('cache-control', 'no-store').type(JSON_TYPE).send(body)
}
