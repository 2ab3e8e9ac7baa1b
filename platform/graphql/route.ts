// A path that speaks GraphQL over HTTP: its methods, its body, and the form of its errors. Free of who executes.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { formatError } from '#platform/graphql/errors.ts'
import { callerFault, type SendError, statusOf } from '#platform/http/errors.ts'
import { keepJsonRaw } from '#platform/http/json-body.ts'
import { preferredType, requireJson } from '#platform/http/media-types.ts'
import type { HttpServer } from '#platform/http/server.ts'

export type GraphqlRoute = {
  readonly url: string
  /** Its answers last as long as their clients like. */
  readonly lasting?: boolean
  readonly handler: (request: FastifyRequest, reply: FastifyReply) => unknown
}

/** The media type of older clients: whatever was understood as a request is 200. */
export const JSON_TYPE = 'application/json; charset=utf-8'
/** GraphQL over HTTP: the status tells whether anything was executed. */
export const RESPONSE_TYPE = 'application/graphql-response+json; charset=utf-8'
export type ResponseType = typeof JSON_TYPE | typeof RESPONSE_TYPE

/** Undefined when the client takes neither. */
export function preferredResponseType(accept: string | undefined): ResponseType | undefined {
  return preferredType(accept, [JSON_TYPE, RESPONSE_TYPE])
}

/**
 * GET, HEAD and POST `url`. The body of a POST is `application/json` (415 otherwise), which no other site's form sends,
 * and is kept raw: see `parseBody`. Whatever goes wrong is `{ errors: [{ message, extensions: { code } }] }`.
 */
export function mountGraphqlRoute(http: HttpServer, { url, lasting = false, handler }: GraphqlRoute): void {
  void http.app.register(async scope => {
    keepJsonRaw(scope)
    scope.route({
      method: ['GET', 'POST'],
      url,
      config: { sendError: sendErrors, crossOrigin: true, lasting },
      onRequest: requireJson,
      handler,
    })
  })
}

/** GraphQL's form of `error`, with the HTTP status that says whose fault it is. */
export const sendErrors: SendError = (error, { request, reply, logger }) => {
  const told = formatError(callerFault(error) ?? error, { requestId: request.id, logger })
  return reply
    .code(statusOf(error))
    .type(preferredResponseType(request.headers.accept) ?? JSON_TYPE)
    .header('cache-control', 'no-store')
    .send(JSON.stringify({ errors: [told] }))
}
