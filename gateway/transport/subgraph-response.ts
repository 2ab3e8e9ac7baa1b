// Reads a subgraph's HTTP response as GraphQL, and recognises one that is not.
import type { SubgraphResponse } from '#gateway/executor/execution.ts'
import type { HttpResponse } from '#gateway/transport/connection.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isObject, parseJson } from '#platform/domain/json.ts'

/** Throws CallerError UNAVAILABLE when the response is not GraphQL. */
export function readResponse({ text, status }: HttpResponse, name: string): SubgraphResponse {
  const answer = parseJson(text)
  if (!isGraphql(answer)) throw notGraphqlError(name, { status })
  return responseOf(answer)
}

/** Returns the data and errors of a response as the executor reads them. */
export function responseOf({ data, errors }: GraphqlResponse): SubgraphResponse {
  return { data: isObject(data) ? data : null, ...(Array.isArray(errors) && { errors }) }
}

/**
 * Returns false for a response that shows a broken subgraph: a proxy's page, a truncated body, HTTP 500 and above without
 * GraphQL. HTTP 400 to 499 is about the caller, and valid. For the rest it is enough to look at both ends of the text.
 */
export function isValidResponse({ text, status }: HttpResponse): boolean {
  if (status >= 400 && status < 500) return true
  return status < 500 ? looksComplete(text) : isGraphql(parseJson(text))
}

const OPEN = 123
const CLOSE = 125

function looksComplete(text: string): boolean {
  if (text.charCodeAt(0) === OPEN && text.charCodeAt(text.length - 1) === CLOSE) return true
  const trimmed = text.trim()
  return trimmed.startsWith('{') && trimmed.endsWith('}')
}

type GraphqlResponse = { readonly data?: unknown; readonly errors?: unknown }

/** A GraphQL response has data, or errors that say why there is none. */
function isGraphql(answer: unknown): answer is GraphqlResponse {
  if (!isObject(answer)) return false
  return isObject(answer.data) || (Array.isArray(answer.errors) && answer.errors.length > 0)
}

/** Returns the error for a response that is not GraphQL. */
export function notGraphqlError(name: string, { status }: Pick<HttpResponse, 'status'>): CallerError {
  return new CallerError('UNAVAILABLE', `${name} sent a response that is not GraphQL (HTTP ${status})`)
}
