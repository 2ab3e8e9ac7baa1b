// The first stage of a request: looks for a kept answer before anything is parsed. Free of how answers are made.
import type { FastifyRequest } from 'fastify'
import type { Verifier } from '#platform/auth/verifier.ts'
import { CONSISTENCY_HEADER } from '#platform/consistency/consistency-token.ts'
import { type Caller, identifyCaller, requiredPositions } from '#platform/graphql/caller.ts'
import type { CacheKey, ResponseCache } from '#platform/graphql/response-cache/response-cache.ts'
import { rawJsonOf } from '#platform/http/json-body.ts'

export type CacheLookup = { readonly key: CacheKey; readonly caller: Caller }

const NOTHING_ASKED = Promise.resolve(undefined)

/**
 * The question that a request is, and who asks. Undefined for one that the stages behind must refuse or look at
 * themselves: a token that does not hold, a body that is not JSON, a simple request that another site could have sent.
 */
export function readCacheKey(
  answers: ResponseCache,
  verifier: Verifier,
  request: FastifyRequest,
): Promise<CacheLookup | undefined> {
  const operation = operationOf(request)
  if (operation === undefined) return NOTHING_ASKED
  const { headers } = request
  const ask = (caller: Caller): CacheLookup => {
    const { 'accept-language': language, accept } = headers
    const asker = { viewer: caller.verified?.viewer, language, accept, operation }
    return { caller, key: answers.keyOf(asker, requiredPositions(caller, headers[CONSISTENCY_HEADER])) }
  }
  // Why a token does not hold is said by the stage that makes the context.
  return identifyCaller(verifier, headers.authorization, request.raw.socket).then(ask, () => undefined)
}

function operationOf(request: FastifyRequest): Buffer | undefined {
  if (request.method === 'POST') return rawJsonOf(request)
  if (request.method !== 'GET' || !isPreflighted(request)) return undefined
  const start = request.url.indexOf('?')
  return start < 0 ? undefined : Buffer.from(request.url.slice(start))
}

const JSON_TYPE = /^application\/json\s*(?:;|$)/i

/** As Apollo Server's prevention of cross-site requests has it, but never laxer. */
function isPreflighted({ headers }: FastifyRequest): boolean {
  const type = headers['content-type']
  if (type !== undefined) return JSON_TYPE.test(type)
  return Boolean(headers['apollo-require-preflight'] || headers['x-apollo-operation-name'])
}
