// Keeps JSON bodies as bytes until somebody needs them parsed: a request that is answered from memory never is.
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** What `request.body` is in a scope that keeps JSON raw, until `parseBody`. */
type RawJson = { readonly rawJson: Buffer }

/** Bodies of `application/json` in this scope stay raw; there are no others. */
export function keepJsonRaw(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer' },
    (_request, bytes, done): void => done(null, { rawJson: bytes } satisfies RawJson),
  )
}

/** The bytes of a JSON body; undefined for a body of another kind, for none, and for one that is parsed already. */
export function rawJsonOf({ body }: FastifyRequest): Buffer | undefined {
  return isRaw(body) ? body.rawJson : undefined
}

/**
 * Parses a raw body in place, and returns it; any other body as it is. Throws what Fastify answers with 400 when it is
 * empty, not JSON, or would change the prototype of what it becomes.
 */
export function parseBody(request: FastifyRequest): unknown {
  const { body, server } = request
  if (!isRaw(body)) return body
  const parse = server.getDefaultJsonParser('error', 'error')
  let failure: Error | null = null
  // Calls back before it returns.
  void parse(request, body.rawJson.toString(), (error, parsed: unknown) => {
    failure = error
    request.body = parsed
  })
  if (failure !== null) throw failure
  return request.body
}

/** No other parser of the scope makes an object. */
function isRaw(body: unknown): body is RawJson {
  return typeof body === 'object' && body !== null && 'rawJson' in body
}
