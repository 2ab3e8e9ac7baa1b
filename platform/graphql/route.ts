// Mounts a path that speaks GraphQL over HTTP: its methods, its body, and the form of its errors.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { formatError } from '#platform/graphql/errors.ts'
import { callerFault, retryLater, type SendError, statusOf } from '#platform/http/errors.ts'
import { keepJsonRaw } from '#platform/http/json-body.ts'
import { preferredType, requireJson } from '#platform/http/media-types.ts'
import type { HttpServer } from '#platform/http/server.ts'

type GraphqlRoute = {
  readonly url: string
  /** True when its responses last as long as their clients like. */
  readonly lasting?: boolean
  readonly handler: (request: FastifyRequest, reply: FastifyReply) => unknown
}

/** The media type of older clients: every well-formed request is answered with 200. */
export const JSON_TYPE = 'application/json; charset=utf-8'
/** The media type of GraphQL over HTTP: the status says whether anything was executed. */
export const RESPONSE_TYPE = 'application/graphql-response+json; charset=utf-8'
type ResponseType = typeof JSON_TYPE | typeof RESPONSE_TYPE

/** Returns undefined when the client accepts neither type. */
export function preferredResponseType(accept: string | undefined): ResponseType | undefined {
  return preferredType(accept, [JSON_TYPE, RESPONSE_TYPE])
}

/**
 * Mounts GET, HEAD and POST `url`. The body of a POST is `application/json` (415 otherwise), which no other site's form
 * sends, and is kept raw: see `parseBody`. Errors are `{ errors: [{ message, extensions: { code } }] }`.
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

/** Sends `error` in GraphQL's form, with the HTTP status that says whose fault it is. */
const sendErrors: SendError = (error, { request, reply, logger }) => {
  const formatted = formatError(callerFault(error) ?? error, { requestId: request.id, logger })
  return retryLater(reply, error)
    .code(statusOf(error))
    .type(preferredResponseType(request.headers.accept) ?? JSON_TYPE)
    .header('cache-control', 'no-store')
    .send(JSON.stringify({ errors: [formatted] }))
}
