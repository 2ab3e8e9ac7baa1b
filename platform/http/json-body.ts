// Keeps JSON bodies as bytes until they are needed parsed: a request that is answered from a cache never is.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LocalMessage } from '#platform/http/local/local-exchange.ts'

/** `request.body` in a scope that keeps JSON raw, until `parseBody` is called. */
type RawJson = { readonly rawJson: Buffer }

/**
 * Keeps bodies of `application/json` raw in this scope, which accepts no others. The body of a caller in this process stays
 * the value that it is, which has no length for a limit to compare.
 */
export function keepJsonRaw(scope: FastifyInstance): void {
  scope.addHook('preParsing', ({ raw }, _reply, _payload, done) => {
    if (raw instanceof LocalMessage) raw.takeJson()
    done()
  })
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer' },
    ({ raw }, bytes, done): void => done(null, handedOver(raw) ?? ({ rawJson: bytes } satisfies RawJson)),
  )
}

/** Returns the body of a request from this process that came as a value. */
function handedOver(raw: FastifyRequest['raw']): object | undefined {
  return raw instanceof LocalMessage ? raw.json : undefined
}

/** Returns the bytes of a JSON body; undefined without one, and for one that is parsed already. */
export function rawJsonOf({ body }: FastifyRequest): Buffer | undefined {
  return isRaw(body) ? body.rawJson : undefined
}

/**
 * Parses a raw body in place, and returns it; returns any other body as it is. Throws what Fastify answers with 400
 * when it is empty, not JSON, or would change the prototype of the object.
 */
export function parseBody(request: FastifyRequest): unknown {
  const { body, server } = request
  if (!isRaw(body)) return body
  const parse = server.getDefaultJsonParser('error', 'error')
  let failure: Error | null = null
  // It calls back before it returns.
  void parse(request, body.rawJson.toString(), (error, parsed: unknown) => {
    failure = error
    request.body = parsed
  })
  if (failure !== null) throw failure
  return request.body
}

/** The scope has no other parser that makes an object. */
function isRaw(body: unknown): body is RawJson {
  return typeof body === 'object' && body !== null && 'rawJson' in body
}
