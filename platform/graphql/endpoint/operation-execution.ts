// Executes one operation of an HTTP request by Apollo Server, without Apollo's own HTTP layer.
import { type ApolloServer, HeaderMap } from '@apollo/server'
import type { FastifyRequest } from 'fastify'
import type { GraphQLFormattedError } from 'graphql'
import type { RequestContext } from '#platform/graphql/context.ts'
import { formatError } from '#platform/graphql/errors.ts'
import type { PartsForm } from '#platform/graphql/incremental/parts-form.ts'
import { readParameters } from '#platform/graphql/operation-parameters.ts'
import { callerFault, statusOf } from '#platform/http/errors.ts'
import { isRead } from '#platform/http/methods.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type HttpOperation = {
  /** The parsed body of a POST, a member of its batch, or the same of a GET. */
  readonly body: unknown
  readonly context: () => Promise<RequestContext>
  /** The form in which the client accepts parts; undefined for one that accepts a single response. */
  readonly partsForm?: PartsForm | undefined
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
  /** The whole result, or the first part of it. */
  readonly result: OperationResult
  /** The results of the other parts, to be iterated once; undefined for a whole result. */
  readonly rest?: AsyncIterable<object> | undefined
}

const NO_HEADERS = new HeaderMap()
/** Apollo Server executes incrementally for this type alone, whichever form our own execution gives its results. */
const PARTS_HEADERS = new HeaderMap([['accept', 'multipart/mixed; deferSpec=20220824']])
/** The parts of a request that Apollo Server looks at: it refuses mutations of a GET. */
const httpOf = (method: 'GET' | 'POST', headers: HeaderMap) => ({
  method,
  headers,
  search: '',
  body: undefined,
})
const GET = httpOf('GET', NO_HEADERS)
const GET_IN_PARTS = httpOf('GET', PARTS_HEADERS)
const POST_IN_PARTS = httpOf('POST', PARTS_HEADERS)

/** Never rejects: what `context` throws, or is wrong with the request, is an error of the result. */
export async function executeOperation(
  { server, logger }: { readonly server: ApolloServer<RequestContext>; readonly logger: Logger },
  request: FastifyRequest,
  { body, context, partsForm }: HttpOperation,
): Promise<HttpResult> {
  try {
    const contextValue = { ...(await context()), ...(partsForm && { partsForm }) }
    const { query, operationName, ...parameters } = readParameters(body)
    const operation = {
      ...parameters,
      ...(query !== undefined && { query }),
      ...(operationName !== undefined && { operationName }),
      ...(isRead(request) && { http: partsForm ? GET_IN_PARTS : GET }),
      ...(!isRead(request) && partsForm && { http: POST_IN_PARTS }),
    }
    const response = await server.executeOperation(operation, { contextValue })
    const { status = 200, headers } = response.http
    return { status, headers, ...resultOf(response.body) }
  } catch (error) {
    const failure = formatError(callerFault(error) ?? error, { requestId: request.id, logger })
    return { status: statusOf(error), headers: new Map(), result: { errors: [failure] } }
  }
}

type ResponseBody = Awaited<ReturnType<ApolloServer['executeOperation']>>['body']

function resultOf(body: ResponseBody): Pick<HttpResult, 'result' | 'rest'> {
  if (body.kind === 'incremental') return { result: body.initialResult, rest: body.subsequentResults }
  const { errors, data, extensions } = body.singleResult
  return { result: { errors, data, extensions } }
}
