// Negotiates the media type of responses, and checks the content type and encoding of request bodies.
import { MIMEType } from 'node:util'
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import Negotiator from 'negotiator'
import { RequestError } from '#platform/http/errors.ts'

/**
 * Returns the one of `types` that an Accept header weighs highest (RFC 9110, 12.5.1): a weight of 0 excludes, an exact
 * type counts before a range, and the first of `types` wins without a preference. Undefined when none is accepted.
 */
export function preferredType<Type extends string>(
  accept: string | undefined,
  types: readonly Type[],
): Type | undefined {
  if (!accept) return types[0]
  const preferred = new Negotiator({ headers: { accept } }).mediaType(types)
  return types.find(type => type === preferred)
}

/** Returns whether the content type is JSON in UTF-8, which no form of another site can send. */
function isJson({ headers }: Pick<FastifyRequest, 'headers'>): boolean {
  const type = headers['content-type']
  if (type === 'application/json') return true // most requests
  if (type === undefined) return false
  try {
    const { essence, params } = new MIMEType(type)
    const charset = params.get('charset')?.toLowerCase() ?? 'utf-8'
    return essence === 'application/json' && (charset === 'utf-8' || charset === 'utf8')
  } catch {
    return false
  }
}

/** An `onRequest` hook that fails with RequestError 415 for a POST whose content type is not JSON. Its body is not read. */
export function requireJson(
  request: FastifyRequest,
  _reply: FastifyReply,
  done: HookHandlerDoneFunction,
): void {
  if (request.method !== 'POST' || isJson(request)) return void done()
  const type = JSON.stringify(request.headers['content-type'] ?? '')
  done(new RequestError(415, `the body's content type is ${type}; it should be application/json, in UTF-8`))
}

/** A `preParsing` hook that fails with RequestError 415 for a compressed body and sends Accept-Encoding (RFC 9110, 12.5.3). */
export function refuseCompressedBody(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  _payload: unknown,
  done: HookHandlerDoneFunction,
): void {
  const coding = headers['content-encoding']?.trim().toLowerCase() ?? ''
  if (coding === '' || coding === 'identity') return void done()
  reply.header('accept-encoding', 'identity')
  done(
    new RequestError(415, `the body's content encoding is ${JSON.stringify(coding)}; send it uncompressed`),
  )
}
