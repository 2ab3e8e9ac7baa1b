// Reads the parameters of an operation from a request, as GraphQL over HTTP has them.
import type { FastifyRequest } from 'fastify'
import { CallerError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'

type OperationParameters = {
  /** Undefined, or empty, for an operation that is named by its hash. */
  readonly query: string | undefined
  readonly operationName: string | undefined
  readonly variables: Record<string, unknown>
  readonly extensions: Record<string, unknown>
}

/** `request` is the body of a POST, or a member of its batch. Throws CallerError BAD_USER_INPUT for a malformed one. */
export function readParameters(request: unknown): OperationParameters {
  if (!isObject(request))
    throw new CallerError('BAD_USER_INPUT', 'a request is an object with a query, or an array of such')
  const { query = null, operationName = null, variables = null, extensions = null } = request
  if (query !== null && typeof query !== 'string')
    throw new CallerError('BAD_USER_INPUT', 'query should be a string: the text of a GraphQL operation')
  if (operationName !== null && typeof operationName !== 'string')
    throw new CallerError('BAD_USER_INPUT', 'operationName should be a string')
  if (variables !== null && !isObject(variables))
    throw new CallerError('BAD_USER_INPUT', 'variables should be an object')
  if (extensions !== null && !isObject(extensions))
    throw new CallerError('BAD_USER_INPUT', 'extensions should be an object')
  return {
    query: query ?? undefined,
    operationName: operationName || undefined,
    variables: variables ?? {},
    extensions: extensions ?? {},
  }
}

/** Returns the query string of a GET as the body of a POST would have it. Throws CallerError BAD_USER_INPUT. */
export function bodyOfQueryString({ query }: Pick<FastifyRequest, 'query'>): Record<string, unknown> {
  if (!isObject(query)) return {}
  const { variables, extensions, ...rest } = query
  return {
    ...rest,
    variables: parseParameter('variables', variables),
    extensions: parseParameter('extensions', extensions),
  }
}

function parseParameter(name: string, text: unknown): unknown {
  if (typeof text !== 'string' || text === '') return null
  try {
    return JSON.parse(text)
  } catch {
    throw new CallerError('BAD_USER_INPUT', `${name} is not JSON`)
  }
}
