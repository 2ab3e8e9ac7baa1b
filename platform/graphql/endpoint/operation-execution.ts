// Executes one operation of an HTTP request by Apollo Server, without Apollo's own HTTP layer.
import { type ApolloServer, HeaderMap } from '@apollo/server'
import type { FastifyRequest } from 'fastify'
import type { GraphQLFormattedError } from 'graphql'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { formatError } from '#platform/graphql/errors.ts'
import { readParameters } from '#platform/graphql/operation-parameters.ts'
import { callerFault, statusOf } from '#platform/http/errors.ts'
import { isRead } from '#platform/http/methods.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type HttpOperation = {
  /** The parsed body of a POST, a member of its batch, or the same of a GET. */
  readonly body: unknown
  readonly context: () => Promise<RequestContext>
}

/** Errors come first, as the specification recommends. */
type OperationResult = {
  readonly errors?: readonly GraphQLFormattedError[] | undefined
  readonly data?: unknown
  readonly extensions?: unknown
}

export type HttpResult = {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly result: OperationResult
}

/** The part of a GET that Apollo Server looks at: it refuses mutations. */
const GET = { method: 'GET', headers: new HeaderMap(), search: '', body: undefined }

/** Never rejects: what `context` throws, or is wrong with the request, is an error of the result. */
export async function executeOperation(
  { server, logger }: { readonly server: ApolloServer<RequestContext>; readonly logger: Logger },
  request: FastifyRequest,
  { body, context }: HttpOperation,
): Promise<HttpResult> {
  try {
    const contextValue = await context()
    const { query, operationName, ...parameters } = readParameters(body)
    const operation = {
      ...parameters,
      ...(query !== undefined && { query }),
      ...(operationName !== undefined && { operationName }),
      ...(isRead(request) && { http: GET }),
    }
    const response = await server.executeOperation(operation, { contextValue })
    const { status = 200, headers } = response.http
    return { status, headers, result: resultOf(response.body) }
  } catch (error) {
    const failure = formatError(callerFault(error) ?? error, { requestId: request.id, logger })
    return { status: statusOf(error), headers: new Map(), result: { errors: [failure] } }
  }
}

type ResponseBody = Awaited<ReturnType<ApolloServer['executeOperation']>>['body']

/** Throws CallerError BAD_USER_INPUT for an incremental result. */
function resultOf(body: ResponseBody): OperationResult {
  if (body.kind !== 'single')
    throw new CallerError('BAD_USER_INPUT', 'operations are not answered in parts here')
  const { errors, data, extensions } = body.singleResult
  return { errors, data, extensions }
}
