// What REST routes accept before they look at a request's content: JSON, on paths and methods that there are.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from '#bff-web/rest/problem.ts'
import { API_PATH, type RestRoute } from '#bff-web/rest/routes.ts'

type JsonParser = (
  request: FastifyRequest,
  body: string,
  done: (error: Error | null, body?: unknown) => void,
) => void

const JSON_TYPE = /^application\/json\s*(?:;|$)/i

/** No body at all is undefined: an order is cancelled without a word more. */
export function parseJson(scope: FastifyInstance): JsonParser {
  const parse = scope.getDefaultJsonParser('error', 'error')
  return (request, body, done) => {
    if (body === '') return done(null, undefined)
    void parse(request, body, done)
  }
}

/** Also of a request without a body, so that no form of another site can send one. */
export function isJson({ headers }: FastifyRequest): boolean {
  return JSON_TYPE.test(headers['content-type'] ?? '')
}

export function sendUnsupportedType(reply: FastifyReply): FastifyReply {
  return sendProblem(reply, {
    status: 415,
    code: 'BAD_USER_INPUT',
    detail: 'the request should have the header content-type: application/json',
  })
}

/** 405 with Allow where another method would do, 404 elsewhere. */
export function notFoundHere(routes: readonly RestRoute[]) {
  const patterns = routes.map(({ method, path }) => ({ method, pattern: patternOf(path) }))
  return (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const path = request.url.split('?', 1)[0] ?? ''
    const allowed = patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
    if (allowed.length === 0)
      return sendProblem(reply, {
        status: 404,
        code: 'NOT_FOUND',
        detail: `there is nothing at this path; ${API_PATH}/openapi.json says what there is`,
      })
    reply.header('allow', [...new Set(allowed)].join(', '))
    const detail = `${request.method} is not for this path; ${allowed.join(' or ')} is`
    return sendProblem(reply, { status: 405, code: 'BAD_USER_INPUT', detail })
  }
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${API_PATH}${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`)
}
