// A subgraph's answer from its text: whether it is GraphQL, and what it says. Pure.
import type { SubgraphResponse } from '#gateway/executor/execution.ts'
import type { HttpResponse } from '#gateway/transport/connection.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'

/** Throws CallerError UNAVAILABLE when it is none. */
export function readResponse({ text, status }: HttpResponse, name: string): SubgraphResponse {
  const answer = parseJson(text)
  if (!isGraphql(answer)) throw notGraphqlError(name, { status })
  return {
    data: isObject(answer.data) ? answer.data : null,
    ...(Array.isArray(answer.errors) && { errors: answer.errors }),
  }
}

/**
 * False for what shows a subgraph that is not in order: a page of a proxy's, an answer cut short, HTTP 500 and above without
 * GraphQL. A look at both ends of the text is enough for all others. What is refused with HTTP 400 to 499 is about the
 * caller, and no sign of that.
 */
export function isValidResponse({ text, status }: HttpResponse): boolean {
  if (status >= 400 && status < 500) return true
  return status < 500 ? looksWhole(text) : isGraphql(parseJson(text))
}

const OPEN = 123
const CLOSE = 125

function looksWhole(text: string): boolean {
  if (text.charCodeAt(0) === OPEN && text.charCodeAt(text.length - 1) === CLOSE) return true
  const trimmed = text.trim()
  return trimmed.startsWith('{') && trimmed.endsWith('}')
}

/** Data, or errors that say why there is none. */
function isGraphql(answer: unknown): answer is { readonly data?: unknown; readonly errors?: unknown } {
  if (!isObject(answer)) return false
  return isObject(answer.data) || (Array.isArray(answer.errors) && answer.errors.length > 0)
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What the caller is told of such an answer. */
export function notGraphqlError(name: string, { status }: Pick<HttpResponse, 'status'>): CallerError {
  return new CallerError(
    'UNAVAILABLE',
    `${name} answered with something that is not GraphQL (HTTP ${status})`,
  )
}
