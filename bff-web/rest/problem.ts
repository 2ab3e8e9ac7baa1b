// Sends errors and refusals to REST clients as application/problem+json (RFC 9457).
import { STATUS_CODES } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { Fields, Refusal } from '#bff-web/rest/routes.ts'
import type { OperationResult } from '#bff-web/rest/run-operation.ts'
import { CALLER_CODES, INTERNAL_MESSAGE } from '#platform/domain/errors.ts'
import { isCallerCode } from '#platform/graphql/errors.ts'
import { callerFault, type SendError, statusOf } from '#platform/http/errors.ts'
import { leaveUnlogged } from '#platform/http/instrumentation.ts'

type Problem = {
  readonly status: number
  /** A code of the error catalogue, or the refusal's. */
  readonly code: string
  readonly detail: string
  /** Further members of the problem. */
  readonly more?: Fields
}

/** The seconds after which a retry makes sense where the problem does not say, by status. */
const RETRY_AFTER: Readonly<Record<number, string>> = { 429: '5', 503: '1' }

export function sendProblem(reply: FastifyReply, { status, code, detail, more }: Problem): FastifyReply {
  const title = STATUS_CODES[status] ?? 'Error'
  const retryAfter =
    more?.retryAfterSeconds === undefined ? RETRY_AFTER[status] : String(more.retryAfterSeconds)
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
  if (more?.retryAfterSeconds !== undefined) leaveUnlogged(reply.request)
  if (status === 401) reply.header('www-authenticate', 'Bearer')
  return reply
    .code(status)
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .send(
      JSON.stringify({
        ...more,
        type: 'about:blank',
        title,
        status,
        code,
        detail,
        requestId: reply.request.id,
      }),
    )
}

/** Returns a refusal as a problem, where its `__typename` is called `type`. */
export function refusalProblem(status: number, { __typename: type, ...refusal }: Refusal): Problem {
  return { status, code: refusal.code, detail: refusal.message, more: { refusal: { type, ...refusal } } }
}

export function operationProblem({
  message,
  code,
  details,
}: Extract<OperationResult, { error: object }>['error']): Problem {
  const status = isCallerCode(code) ? CALLER_CODES[code] : 500
  return { status, code: isCallerCode(code) ? code : 'INTERNAL', detail: message, more: details }
}

/** Sends what was thrown: a caller's fault, an error of the HTTP server about the request, or an internal error. */
export const sendThrown: SendError = (error, { request, reply, logger }) => {
  const status = statusOf(error)
  const fault = callerFault(error)
  if (fault !== undefined)
    return sendProblem(reply, { status, code: fault.code, detail: fault.message, more: fault.details })
  logger.error({ err: error, request_id: request.id }, 'REST request failed')
  return sendProblem(reply, { status, code: 'INTERNAL', detail: INTERNAL_MESSAGE })
}
