// Serves subscriptions as parts of one response to a POST (Apollo's multipart protocol, subscriptionSpec=1.0).
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { CurrentGraph } from '#gateway/graph/current-graph.ts'
import type { PersistedOperations } from '#platform/graphql/endpoint/persisted-operations.ts'
import { acceptedMultipartTypes } from '#platform/graphql/incremental/multipart.ts'
import { type EncodedResult, resultJson } from '#platform/graphql/live-server/encoded-results.ts'
import { type GraphqlRequest, readGraphqlRequest } from '#platform/graphql/live-server/graphql-request.ts'
import type { Framing, StreamingResponses } from '#platform/graphql/live-server/streaming-responses.ts'
import { parseBody } from '#platform/http/json-body.ts'

/**
 * Resolves with true when it has responded: the client accepts parts, and the operation is a subscription. Returns
 * undefined for a client that does not accept them. Throws like `StreamingResponses.serve`.
 */
export type ServeMultipart = (request: FastifyRequest, reply: FastifyReply) => Promise<boolean> | undefined

const SUBSCRIPTIONS = /\bsubscriptionSpec="?1\.0\b/i

// A client sees a part once it sees the delimiter after it, so the delimiter is sent with the part.
const PART_HEAD = Buffer.from('\r\ncontent-type: application/json; charset=utf-8\r\n\r\n{"payload":')
const PART_TAIL = Buffer.from('}\r\n--graphql')
const HEARTBEAT = '\r\ncontent-type: application/json; charset=utf-8\r\n\r\n{}\r\n--graphql'

const PARTS: Framing = {
  headers: {
    'content-type': 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0',
    'cache-control': 'no-cache, no-store, no-transform',
    'x-accel-buffering': 'no',
  },
  opening: `\r\n--graphql${HEARTBEAT}`,
  heartbeat: Buffer.from(HEARTBEAT),
  next: partOf,
  end: errors =>
    errors ? `${PART_HEAD}null,"errors":${JSON.stringify(errors)}${PART_TAIL}--\r\n` : '--\r\n',
}

export function createMultipart(
  current: CurrentGraph,
  streams: StreamingResponses,
  persisted: PersistedOperations,
): ServeMultipart {
  async function serve(
    wanted: GraphqlRequest,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<boolean> {
    if (!(await isSubscription(current, wanted, persisted))) return false
    await streams.serve(request, reply, { operation: wanted, framing: PARTS })
    return true
  }

  return (request, reply) => {
    const wanted = multipartRequest(request)
    return wanted && serve(wanted, request, reply)
  }
}

/** Returns undefined for other requests and malformed ones: the endpoint responds to them. */
function multipartRequest(request: FastifyRequest): GraphqlRequest | undefined {
  if (request.method !== 'POST' || !acceptedMultipartTypes(request).some(type => SUBSCRIPTIONS.test(type)))
    return undefined
  const wanted = readGraphqlRequest(parseBody(request))
  return 'problem' in wanted ? undefined : wanted
}

async function isSubscription(
  current: CurrentGraph,
  wanted: GraphqlRequest,
  persisted: PersistedOperations,
): Promise<boolean> {
  const text = textOf(wanted, persisted)
  if (text === undefined) return false
  using inUse = current.lease()
  const prepared = await inUse.graph.operations.prepare(text, wanted.operationName)
  return 'kind' in prepared && prepared.kind === 'subscription'
}

/** Returns undefined for what may not be run, or has an unknown hash: the endpoint says so. */
function textOf(wanted: GraphqlRequest, persisted: PersistedOperations): string | undefined {
  try {
    return persisted.resolve(wanted)
  } catch {
    return undefined // the endpoint resolves it again and responds with the error
  }
}

const parts = new WeakMap<EncodedResult, Buffer>()

/** Encodes a part once for all clients. */
function partOf(result: EncodedResult): Buffer {
  const made = parts.get(result) ?? Buffer.concat([PART_HEAD, resultJson(result), PART_TAIL])
  parts.set(result, made)
  return made
}
