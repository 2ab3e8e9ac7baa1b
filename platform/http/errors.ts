// Sends the errors of HTTP endpoints, in the form that their routes choose.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { CALLER_CODES, CallerError, INTERNAL_MESSAGE } from '#platform/domain/errors.ts'
import { leaveUnlogged } from '#platform/http/instrumentation.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Sends this route's errors, unsupported methods of its path included; `sendError` when left out. */
    readonly sendError?: SendError
  }
}

type FailedRequest = {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly logger: Logger
}
export type SendError = (error: unknown, exchange: FailedRequest) => FastifyReply

/** A caller's fault in the HTTP request itself, with a status of its own: a method, a media type. */
export class RequestError extends CallerError {
  readonly status: number
  constructor(status: number, message: string) {
    super('BAD_USER_INPUT', message)
    this.name = 'RequestError'
    this.status = status
  }
}

/** `{ error: { code, message, requestId } }` with the status of `statusOf`; operators' faults are logged and their details hidden. */
export function sendError(error: unknown, { request, reply, logger }: FailedRequest): FastifyReply {
  const requestId = request.id
  const fault = callerFault(error)
  const body = fault
    ? { ...fault.details, code: fault.code, message: fault.message }
    : { code: 'INTERNAL', message: INTERNAL_MESSAGE }
  if (fault === undefined)
    logger.error(
      { err: error, request_id: requestId, path: request.url.split('?', 1)[0] },
      'an HTTP request failed',
    )
  return retryLater(reply, error)
    .code(statusOf(error))
    .send({ error: { ...body, requestId } })
}

/** Adds Retry-After when `error` says how long to wait, and leaves such a refusal out of the log. */
export function retryLater(reply: FastifyReply, error: unknown): FastifyReply {
  const seconds = retryAfterOf(error)
  if (seconds === undefined) return reply
  leaveUnlogged(reply.request)
  return reply.header('retry-after', seconds)
}

/** Returns the value of Retry-After for a refusal that says when to try again, as `retryAfterSeconds`. */
export function retryAfterOf(error: unknown): string | undefined {
  const seconds = error instanceof CallerError ? error.details.retryAfterSeconds : undefined
  return typeof seconds === 'number' ? String(seconds) : undefined
}

/** Returns the HTTP status of an error; 500 for what is not the caller's fault. */
export function statusOf(error: unknown): number {
  const fault = callerFault(error)
  if (fault === undefined) return 500
  return fault instanceof RequestError ? fault.status : CALLER_CODES[fault.code]
}

/** Returns `error` as a fault of the caller's, Fastify's request errors included; undefined for any other. */
export function callerFault(error: unknown): CallerError | undefined {
  if (error instanceof CallerError) return error
  const status = clientStatus(error)
  return status === undefined ? undefined : new RequestError(status, messageOf(error))
}

/** Returns the status of Fastify's own request errors: too large, not JSON, an unknown content type. */
function clientStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error) || !('code' in error)) return undefined
  const { statusCode, code } = error
  const isFastify = typeof code === 'string' && code.startsWith('FST_ERR')
  const isClients = typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500
  return isClients && (isFastify || error instanceof SyntaxError) ? statusCode : undefined
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
