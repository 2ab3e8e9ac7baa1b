// Mounts a GraphQL schema on an HTTP server, as stages in the order a request meets them: kept answers,
// parsing, batches, Apollo Server, compression. Free of what the schema is about.
import type { ApolloServer, ApolloServerPlugin } from '@apollo/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Verifier } from '#platform/auth/verifier.ts'
import { CONSISTENCY_HEADER } from '#platform/consistency/consistency-token.ts'
import { isObject } from '#platform/domain/json.ts'
import { type Caller, identifyCaller, requiredPositions } from '#platform/graphql/caller.ts'
import {
  createRequestContext,
  type RequestContext,
  type ResponseSources,
  traceparentIn,
} from '#platform/graphql/context.ts'
import {
  DEFAULT_LIMITS,
  type OperationLimits,
  type RequestBudget,
} from '#platform/graphql/documents/limits.ts'
import { contextFailure } from '#platform/graphql/endpoint/apollo-errors.ts'
import { executeHttp } from '#platform/graphql/endpoint/apollo-http.ts'
import { createApolloServer, type GraphqlSource } from '#platform/graphql/endpoint/apollo-server.ts'
import { type BatchesFrom, executeBatch } from '#platform/graphql/endpoint/batch.ts'
import type { PositionWaiter } from '#platform/graphql/endpoint/operation-plugin.ts'
import type { NamedOperation, PersistedOperations } from '#platform/graphql/endpoint/persisted-operations.ts'
import { createOperationCounter } from '#platform/graphql/operation-counter.ts'
import { type CacheLookup, readCacheKey } from '#platform/graphql/response-cache/lookup.ts'
import {
  createResponseCache,
  type ResponseCache,
  type ResponseCachePolicy,
} from '#platform/graphql/response-cache/response-cache.ts'
import { mountGraphqlRoute } from '#platform/graphql/route.ts'
import { parseBody } from '#platform/http/json-body.ts'
import { isRead } from '#platform/http/methods.ts'
import { type EncodedResponse, encodeResponse, sendResponse } from '#platform/http/response-body.ts'
import type { HttpServer } from '#platform/http/server.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { traceparent, validTraceparent } from '#platform/telemetry/tracing.ts'

export type { GraphqlSource } from '#platform/graphql/endpoint/apollo-server.ts'

export type GraphqlOptions = {
  readonly verifier: Verifier
  /** Introspection and a landing page. */
  readonly development: boolean
  readonly logger: Logger
  /** `/graphql` when left out. */
  readonly path?: string
  /** Positions of this service that queries wait for; left out by services that have none of their own. */
  readonly consistency?: PositionWaiter
  /** Adds to the context what a service's own resolvers need. Must keep the parts that it gets, by reference. */
  readonly extend?: (base: RequestContext) => RequestContext | Promise<RequestContext>
  readonly limits?: Partial<OperationLimits>
  /** Values that the operations of a request may ask for, as estimated; any number when left out. */
  readonly maxCost?: number | undefined
  /** Who may send several operations in one request; services when left out. */
  readonly batchesFrom?: BatchesFrom
  /** Keeps whole answers of queries whose context says that they may be kept; none when left out. */
  readonly responseCache?: ResponseCachePolicy
  /** Operations that may be named by a hash instead of sent as text; none when left out. */
  readonly persisted?: PersistedOperations
  readonly plugins?: readonly ApolloServerPlugin<RequestContext>[]
}

/** Disposing stops the GraphQL server; dispose the HTTP server first, so that requests under way end. */
export type GraphqlEndpoint = AsyncDisposable & { readonly path: string }

/**
 * GET, HEAD and POST `path`, one operation, or an array of them from who may send one. An invalid or expired token gives every operation
 * UNAUTHENTICATED with HTTP 401; no token is an anonymous caller. Batched operations succeed or fail one by one, each
 * with a context of its own. Answers of 1 KB and more go out compressed to who takes that; a GET's has a tag, and is
 * 304 when it is known. Call before `http.listen`.
 */
export async function mountGraphql(
  http: HttpServer,
  source: GraphqlSource,
  options: GraphqlOptions,
): Promise<GraphqlEndpoint> {
  const { path = '/graphql' } = options
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const whole = new WeakMap<ResponseSources, WholeQuery>()
  const server = createApolloServer({
    service: http.name,
    source,
    options,
    limits,
    onWhole: ({ sources }, name) => whole.set(sources, { name }),
  })
  await server.start()
  const stages: Stages = {
    server,
    whole,
    verifier: options.verifier,
    answers: options.responseCache && createResponseCache(http.name, options.responseCache),
    contextOf: contexts(options),
    limits,
    batchesFrom: options.batchesFrom ?? 'services',
    count: createOperationCounter(http.name),
  }
  mountGraphqlRoute(http, {
    url: path,
    // Returns nothing: a returned reply would be waited for, which costs more than to find the answer.
    handler: (request, reply) => {
      answer(stages, request, reply).catch((error: unknown) => reply.send(error))
    },
  })
  return { path, [Symbol.asyncDispose]: () => server.stop() }
}

type WholeQuery = { readonly name: string | undefined }

type Stages = {
  readonly server: ApolloServer<RequestContext>
  readonly verifier: Verifier
  readonly answers: ResponseCache | undefined
  /** Queries that were answered whole, by what they were made of. */
  readonly whole: WeakMap<ResponseSources, WholeQuery>
  readonly contextOf: (request: FastifyRequest, known?: Known) => Promise<RequestContext>
  readonly limits: OperationLimits
  readonly batchesFrom: BatchesFrom
  readonly count: ReturnType<typeof createOperationCounter>
}

/** What a context is made of, as far as it is known already. */
type Known = {
  /** The member of a batch that is answered. */
  readonly member?: unknown
  readonly budget?: RequestBudget | undefined
  readonly caller?: Caller | undefined
}

/** The way of a kept answer has one wait: for the token's check. */
function answer(stages: Stages, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { answers, verifier, count } = stages
  if (answers === undefined) return answerAnew(stages, { request, reply, asked: undefined })
  return readCacheKey(answers, verifier, request).then(asked => {
    const kept = asked && answers.get(asked.key)
    if (kept === undefined) return answerAnew(stages, { request, reply, asked })
    count({ name: kept.name, kind: 'query', outcome: 'ok' })
    return sendResponse(request, reply, kept)
  })
}

async function answerAnew(stages: Stages, { request, reply, asked }: Exchange): Promise<void> {
  const made = Array.isArray(parseBody(request))
    ? await executeBatch(stages, request, reply)
    : await answerOne(stages, { request, reply, asked })
  if (made !== undefined) return sendResponse(request, reply, made)
}

type Exchange = {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly asked: CacheLookup | undefined
}

async function answerOne(stages: Stages, { request, reply, asked }: Exchange): Promise<EncodedResponse> {
  const held: { context?: RequestContext } = {}
  const {
    status,
    headers: given,
    body: text,
  } = await executeHttp(stages.server, request, {
    body: request.body,
    context: async () => {
      held.context = await stages.contextOf(request, { caller: asked?.caller })
      return held.context
    },
  })
  for (const [name, value] of given) void reply.header(name, value)
  void reply.code(status)
  const { sources } = held.context ?? {}
  const query = sources && stages.whole.get(sources)
  const headers = headersOf(reply)
  const isGood = reply.statusCode === 200
  if (stages.answers && asked && sources && query && isGood)
    return stages.answers.put(asked.key, { sources, text, headers, ...query })
  return encodeResponse({ text, headers, tagged: isGood && isRead(request) })
}

/** Those that belong to the answer, not to this sending of it. */
function headersOf(reply: FastifyReply): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of ['content-type', 'cache-control', CONSISTENCY_HEADER]) {
    const value = reply.getHeader(name)
    if (typeof value === 'string') found[name] = value
  }
  return found
}

function contexts({ verifier, extend, persisted }: GraphqlOptions): Stages['contextOf'] {
  return async (request, { member, budget, caller } = {}) => {
    try {
      persisted?.admit(namedOperation(request, member))
      const known =
        caller ?? (await identifyCaller(verifier, request.headers.authorization, request.raw.socket))
      const base = baseContext(known, request, { member, budget })
      return extend === undefined ? base : await extend(base)
    } catch (error) {
      throw contextFailure(error, request.id)
    }
  }
}

/** `member` of a batch, or what the whole request asks to run. */
function namedOperation({ method, body, query }: FastifyRequest, member: unknown): NamedOperation {
  if (isObject(member)) return member
  if (method === 'POST') return isObject(body) ? body : {}
  if (!isObject(query)) return {}
  return { query: query.query, extensions: parsedOrNothing(query.extensions) }
}

/** What does not parse is refused where it is read. */
function parsedOrNothing(text: unknown): unknown {
  try {
    return typeof text === 'string' ? JSON.parse(text) : undefined
  } catch {
    return undefined
  }
}

function baseContext(
  caller: Caller,
  { headers, id, ip: address }: FastifyRequest,
  { member, budget }: Pick<Known, 'member' | 'budget'>,
): RequestContext {
  const { token, verified } = caller
  return createRequestContext({
    viewer: verified?.viewer,
    token,
    requestId: id,
    language: headers['accept-language'],
    traceparent: traceparent() ?? validTraceparent(traceparentIn(member) ?? headers.traceparent),
    required: requiredPositions(caller, headers[CONSISTENCY_HEADER]),
    address,
    budget,
  })
}
