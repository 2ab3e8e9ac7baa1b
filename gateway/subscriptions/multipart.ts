// Subscriptions as parts of one answer to a POST (Apollo's multipart protocol, subscriptionSpec=1.0). Free of what is subscribed to.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { CurrentGraph } from '#gateway/graph/current-graph.ts'
import type { PersistedOperations } from '#platform/graphql/endpoint/persisted-operations.ts'
import { type EncodedResult, resultJson } from '#platform/graphql/live-server/encoded-results.ts'
import { type GraphqlRequest, readGraphqlRequest } from '#platform/graphql/live-server/operation-request.ts'
import type { Framing, StreamingResponses } from '#platform/graphql/live-server/streaming-responses.ts'
import { parseBody } from '#platform/http/json-body.ts'
import { preferredType } from '#platform/http/media-types.ts'

/**
 * Resolves with true when it has answered: the client takes parts, and the operation is a subscription. Undefined, at
 * once, for a client that does not. Throws as `LiveStreams.serve`.
 */
export type ServeMultipart = (request: FastifyRequest, reply: FastifyReply) => Promise<boolean> | undefined

const PARTS_TYPES = /multipart\/mixed[^,]*/gi
const WEIGHT = /;\s*q\s*=[^;]*/i
const SUBSCRIPTIONS = /\bsubscriptionSpec="?1\.0\b/i

// A part is seen by its reader when the delimiter behind it is: that goes out with it.
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

/** `persisted` gives the texts of operations that are named by a hash; none are when it is left out. */
export function createMultipart(
  current: CurrentGraph,
  streams: StreamingResponses,
  persisted?: PersistedOperations,
): ServeMultipart {
  async function answer(
    wanted: GraphqlRequest,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<boolean> {
    if (!(await isSubscription(current, wanted, persisted))) return false
    await streams.serve(request, reply, { wanted, framing: PARTS })
    return true
  }

  return (request, reply) => {
    const wanted = subscriptionIn(request)
    return wanted && answer(wanted, request, reply)
  }
}

/** The types of answers in parts that a client takes: those with a weight of 0 are not among them. */
export function acceptedMultipartTypes({ headers: { accept = '' } }: FastifyRequest): string[] {
  const named = (accept.match(PARTS_TYPES) ?? []).map(type => type.replace(WEIGHT, ''))
  return named.filter(type => preferredType(accept, [type]) !== undefined)
}

/** What is no such request, or malformed, is for others to answer. */
function subscriptionIn(request: FastifyRequest): GraphqlRequest | undefined {
  if (request.method !== 'POST' || !acceptedMultipartTypes(request).some(type => SUBSCRIPTIONS.test(type)))
    return undefined
  const wanted = readGraphqlRequest(parseBody(request))
  return 'problem' in wanted ? undefined : wanted
}

async function isSubscription(
  current: CurrentGraph,
  wanted: GraphqlRequest,
  persisted: PersistedOperations | undefined,
): Promise<boolean> {
  const text = textOf(wanted, persisted)
  if (text === undefined) return false
  using inUse = current.lease()
  const prepared = await inUse.graph.operations.prepare(text, wanted.operationName)
  return 'kind' in prepared && prepared.kind === 'subscription'
}

/** Undefined for what may not be run, or is not known by its hash: the endpoint says so. */
function textOf(wanted: GraphqlRequest, persisted: PersistedOperations | undefined): string | undefined {
  try {
    return persisted?.resolve(wanted) ?? wanted.query
  } catch {
    return undefined
  }
}

const parts = new WeakMap<EncodedResult, Buffer>()

/** Made once for all whom the answer goes to. */
function partOf(answer: EncodedResult): Buffer {
  const made = parts.get(answer) ?? Buffer.concat([PART_HEAD, resultJson(answer), PART_TAIL])
  parts.set(answer, made)
  return made
}
