// What REST routes do before they look at a request's content: they read JSON, on paths that there are.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from '#bff-web/rest/problem.ts'
import { API_PATH } from '#bff-web/rest/routes.ts'

type JsonParser = (
  request: FastifyRequest,
  body: string,
  done: (error: Error | null, body?: unknown) => void,
) => void

/** No body at all is undefined: an order is cancelled without a word more. */
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
