// What a REST client is told when it does not get what it asked for: application/problem+json (RFC 9457).
import { STATUS_CODES } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { Fields, Refusal } from '#bff-web/rest/routes.ts'
import type { OperationResult } from '#bff-web/rest/run-operation.ts'
import { CALLER_CODES, INTERNAL_MESSAGE } from '#platform/domain/errors.ts'
import { isCallerCode } from '#platform/graphql/errors.ts'
import { callerFault, type SendError, statusOf } from '#platform/http/errors.ts'

export type Problem = {
  readonly status: number
  /** Of the error catalogue, or the refusal's. */
  readonly code: string
  readonly detail: string
  /** Stand beside the others. */
  readonly more?: Fields
}

/** Seconds after which it makes sense to try again. */
const RETRY_AFTER: Readonly<Record<number, string>> = { 429: '5', 503: '1' }

export function sendProblem(reply: FastifyReply, { status, code, detail, more }: Problem): FastifyReply {
  const title = STATUS_CODES[status] ?? 'Error'
  const retryAfter = RETRY_AFTER[status]
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
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

/** `__typename` is called `type` here. */
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

/** Answers what was thrown: a caller's fault, a complaint of the HTTP server about the request, or a fault of ours. */
export const sendThrown: SendError = (error, { request, reply, logger }) => {
  const status = statusOf(error)
  const fault = callerFault(error)
  if (fault !== undefined)
    return sendProblem(reply, { status, code: fault.code, detail: fault.message, more: fault.details })
  logger.error({ err: error, request_id: request.id }, 'a REST request failed')
  return sendProblem(reply, { status, code: 'INTERNAL', detail: INTERNAL_MESSAGE })
}
