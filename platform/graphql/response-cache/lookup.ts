// Reads the cache key of a request before anything of it is parsed.
import type { FastifyRequest } from 'fastify'
import type { Verifier } from '#platform/auth/verifier.ts'
import { CONSISTENCY_HEADER } from '#platform/consistency/consistency-token.ts'
import { type Caller, identifyCaller, rememberedCaller, requiredPositions } from '#platform/graphql/caller.ts'
import type { CacheKey, ResponseCache } from '#platform/graphql/response-cache/response-cache.ts'
import { rawJsonOf } from '#platform/http/json-body.ts'

export type CacheLookup = { readonly key: CacheKey; readonly caller: Caller }

/**
 * Returns the key and the caller of a request; undefined for one that later stages must check or refuse: an invalid
 * token, a body that is not JSON, a simple request that another site could have sent.
 */
export function readCacheKey(
  cache: ResponseCache,
  verifier: Verifier,
  request: FastifyRequest,
): CacheLookup | undefined | Promise<CacheLookup | undefined> {
  const operation = operationOf(request)
  if (operation === undefined) return undefined
  const { headers, raw } = request
  const keyFor = (caller: Caller): CacheLookup => {
    const { 'accept-language': language, accept } = headers
    const cacheable = { viewer: caller.verified?.viewer, language, accept, operation }
    return { caller, key: cache.keyOf(cacheable, requiredPositions(caller, headers[CONSISTENCY_HEADER])) }
  }
  const known = rememberedCaller(headers.authorization, raw.socket)
  if (known !== undefined) return keyFor(known)
  // The stage that makes the context reports why a token is not valid.
  return identifyCaller(verifier, headers.authorization, raw.socket).then(keyFor, () => undefined)
}

function operationOf(request: FastifyRequest): Buffer | undefined {
  if (request.method === 'POST') return rawJsonOf(request)
  if (request.method !== 'GET' || !isPreflighted(request)) return undefined
  const start = request.url.indexOf('?')
  return start < 0 ? undefined : Buffer.from(request.url.slice(start))
}

const JSON_TYPE = /^application\/json\s*(?:;|$)/i

/** Returns whether a browser sends the request of another site's page only after that was allowed, by a preflight. */
export function isPreflighted({ headers }: FastifyRequest): boolean {
  const type = headers['content-type']
  if (type !== undefined) return JSON_TYPE.test(type)
  return Boolean(headers['apollo-require-preflight'] || headers['x-apollo-operation-name'])
}
