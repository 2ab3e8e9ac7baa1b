// What plain HTTP endpoints answer when something goes wrong: the same codes and sentences as GraphQL.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { CALLER_CODES, CallerError, INTERNAL_MESSAGE } from '#platform/domain/errors.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type Exchange = { readonly request: FastifyRequest; readonly reply: FastifyReply; readonly logger: Logger }

/** `{ error: { code, message, requestId } }` with the code's HTTP status; operators' faults are logged, not told. */
export function sendError(error: unknown, { request, reply, logger }: Exchange): FastifyReply {
  const requestId = request.id
  if (error instanceof CallerError)
    return reply.code(CALLER_CODES[error.code]).send({
      error: { ...error.details, code: error.code, message: error.message, requestId },
    })
  const status = clientStatus(error)
  if (status !== undefined)
    return reply
      .code(status)
      .send({ error: { code: 'BAD_USER_INPUT', message: messageOf(error), requestId } })
  logger.error({ err: error, request_id: requestId, path: request.url.split('?', 1)[0] }, 'a request failed')
  return reply.code(500).send({ error: { code: 'INTERNAL', message: INTERNAL_MESSAGE, requestId } })
}

/** Fastify's own complaints about a request: too large, not JSON, an unknown content type. */
export function clientStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error) || !('code' in error)) return undefined
  const { statusCode, code } = error
  const isFastify = typeof code === 'string' && code.startsWith('FST_ERR')
  const isClients = typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500
  return isClients && (isFastify || error instanceof SyntaxError) ? statusCode : undefined
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
