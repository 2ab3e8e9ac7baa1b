// Executes one operation of an HTTP request through Apollo Server.
import { type ApolloServer, HeaderMap } from '@apollo/server'
import type { FastifyRequest } from 'fastify'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { isRead } from '#platform/http/methods.ts'

type HttpOperation = {
  /** The parsed body of a POST, or a member of its batch. */
  readonly body: unknown
  readonly context: () => Promise<RequestContext>
}

export type HttpResult = { readonly status: number; readonly headers: HeaderMap; readonly body: string }

/** Runs HEAD as GET: the server leaves out the body. Throws CallerError BAD_USER_INPUT for an incremental result. */
export async function executeHttp(
  server: ApolloServer<RequestContext>,
  request: FastifyRequest,
  { body, context }: HttpOperation,
): Promise<HttpResult> {
  const start = request.url.indexOf('?')
  const response = await server.executeHTTPGraphQLRequest({
    httpGraphQLRequest: {
      method: isRead(request) ? 'GET' : request.method,
      headers: headersOf(request),
      search: start < 0 ? '' : request.url.slice(start),
      body,
    },
    context,
  })
  if (response.body.kind !== 'complete')
    throw new CallerError('BAD_USER_INPUT', 'operations are not answered in parts here')
  return { status: response.status ?? 200, headers: response.headers, body: response.body.string }
}

function headersOf({ headers }: FastifyRequest): HeaderMap {
  const map = new HeaderMap()
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) map.set(name, Array.isArray(value) ? value.join(', ') : value)
  return map
}
