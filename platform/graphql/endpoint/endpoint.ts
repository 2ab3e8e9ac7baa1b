// Mounts a GraphQL schema on an HTTP server, as stages in the order in which a request meets them: response cache,
// parsing, overload guard, batches, Apollo Server, compression.
import type { ApolloServer } from '@apollo/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Verifier } from '#platform/auth/verifier.ts'
import { CONSISTENCY_HEADER } from '#platform/consistency/consistency-token.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isObject, parseJson } from '#platform/domain/json.ts'
import { type Caller, identifyCaller, requiredPositions } from '#platform/graphql/caller.ts'
import { createRequestContext, type RequestContext, traceparentIn } from '#platform/graphql/context.ts'
import {
  DEFAULT_LIMITS,
  type OperationLimits,
  type RequestBudget,
} from '#platform/graphql/documents/limits.ts'
import { type ApolloOptions, createApolloServer } from '#platform/graphql/endpoint/apollo-server.ts'
import { type BatchesFrom, executeBatch } from '#platform/graphql/endpoint/batch.ts'
import { executeOperation, type HttpResult } from '#platform/graphql/endpoint/operation-execution.ts'
import type { NamedOperation } from '#platform/graphql/endpoint/persisted-operations.ts'
import { sandboxPage, wantsSandbox } from '#platform/graphql/explorer/sandbox-page.ts'
import { acceptedPartsForm, sendParts } from '#platform/graphql/incremental/multipart.ts'
import type { PartsForm } from '#platform/graphql/incremental/parts-form.ts'
import { createOperationCounter } from '#platform/graphql/operation-counter.ts'
import { kindOfText } from '#platform/graphql/operation-kind.ts'
import { bodyOfQueryString } from '#platform/graphql/operation-parameters.ts'
import { type CacheLookup, isPreflighted, readCacheKey } from '#platform/graphql/response-cache/lookup.ts'
import {
  createResponseCache,
  type ResponseCache,
  type ResponseCachePolicy,
} from '#platform/graphql/response-cache/response-cache.ts'
import { JSON_TYPE, mountGraphqlRoute, preferredResponseType } from '#platform/graphql/route.ts'
import { RequestError } from '#platform/http/errors.ts'
import { parseBody } from '#platform/http/json-body.ts'
import { isRead } from '#platform/http/methods.ts'
import { type EncodedResponse, encodeResponse, handOver, sendResponse } from '#platform/http/response-body.ts'
import type { HttpServer } from '#platform/http/server.ts'
import type { OverloadGuard, WorkKind } from '#platform/resilience/overload-guard.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { traceparent, validTraceparent } from '#platform/telemetry/tracing.ts'

export type GraphqlOptions = ApolloOptions & {
  readonly verifier: Verifier
  readonly limits?: Partial<OperationLimits>
  /** Names who may send several operations in one request; services by default. */
  readonly batchesFrom?: BatchesFrom
  /** Caches whole responses of queries whose context allows it; none are cached when left out. */
  readonly responseCache?: ResponseCachePolicy
  /** Refuses what is too much before it is executed; everything is executed when left out. Cached responses do not pass it. */
  readonly guard?: OverloadGuard
}

/**
 * Mounts GET, HEAD and POST `/graphql` for one operation, or an array of them from callers that may send one. An invalid or
 * expired token gives every operation UNAUTHENTICATED with HTTP 401; no token is an anonymous caller. Batched operations
 * succeed or fail one by one, each with a context of its own. Responses of 1 KB and more are compressed for clients that
 * accept it; a GET's has an ETag, and is 304 when the client knows it. Call before `http.listen`. Disposing stops the
 * GraphQL server; dispose the HTTP server first, so that requests under way end.
 */
export async function mountGraphql(http: HttpServer, options: GraphqlOptions): Promise<AsyncDisposable> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const server = createApolloServer(http, options, limits)
  await server.start()
  const stages: Stages = {
    server,
    logger: http.logger,
    development: options.development,
    verifier: options.verifier,
    cache: options.responseCache && createResponseCache(http.name, options.responseCache),
    createContext: createContextFactory(options),
    limits,
    batchesFrom: options.batchesFrom ?? 'services',
    persisted: options.persisted,
    guard: options.guard,
    count: createOperationCounter(http.name),
  }
  mountGraphqlRoute(http, {
    url: '/graphql',
    // Returns nothing: Fastify would wait for a returned reply, which costs more than to find a cached response.
    handler: (request, reply) => {
      respond(stages, { request, reply })?.catch((error: unknown) => reply.send(error))
    },
  })
  return { [Symbol.asyncDispose]: () => server.stop() }
}

type Stages = {
  readonly server: ApolloServer<RequestContext>
  readonly logger: Logger
  readonly development: boolean
  readonly verifier: Verifier
  readonly cache: ResponseCache | undefined
  readonly createContext: (request: FastifyRequest, known?: KnownParts) => Promise<RequestContext>
  readonly limits: OperationLimits
  readonly batchesFrom: BatchesFrom
  readonly persisted: GraphqlOptions['persisted']
  readonly guard: OverloadGuard | undefined
  readonly count: ReturnType<typeof createOperationCounter>
}

/** The parts of a context that are known already. */
type KnownParts = {
  /** The member of a batch that is executed. */
  readonly member?: unknown
  readonly budget?: RequestBudget | undefined
  readonly caller?: Caller | undefined
}

/** A cached response waits for nothing but the check of a token that its connection did not send before. */
function respond(
  stages: Stages,
  { request, reply }: Pick<Exchange, 'request' | 'reply'>,
): Promise<void> | undefined {
  const lookup = stages.cache && readCacheKey(stages.cache, stages.verifier, request)
  return lookup instanceof Promise
    ? lookup.then(found => lookUp(stages, { request, reply, lookup: found }))
    : lookUp(stages, { request, reply, lookup })
}

function lookUp(stages: Stages, exchange: Exchange): Promise<void> | undefined {
  const { request, reply, lookup } = exchange
  const cached = lookup && stages.cache?.get(lookup.key)
  if (cached === undefined) return execute(stages, exchange)
  stages.count({ name: cached.name, kind: 'query', outcome: 'ok' })
  return sendResponse(request, reply, cached)
}

async function execute(stages: Stages, exchange: Exchange): Promise<void> {
  const { request, reply } = exchange
  if (stages.development && wantsSandbox(request)) {
    const { html, headers } = sandboxPage()
    return void reply.headers(headers).send(html)
  }
  const body = isRead(request) ? readQuery(request) : parseBody(request)
  const partsForm = acceptedPartsForm(request)
  // A client that accepts parts alone still gets JSON for an error, and for what has a single part.
  const type = preferredResponseType(request.headers.accept) ?? (partsForm && JSON_TYPE)
  if (type === undefined) throw new RequestError(406, 'the response is application/json, in one of two forms')
  const run = () =>
    Array.isArray(body)
      ? executeBatch(stages, { request, reply, body })
      : executeOne(stages, exchange, { body, type, partsForm })
  const response = stages.guard
    ? await stages.guard.run<EncodedResponse | undefined>(kindOf(stages, request), {
        run,
        isServed: response => !response?.bytes.subarray(0, ERRORS_FIRST.length).equals(ERRORS_FIRST),
        isAbandoned: () => reply.raw.destroyed,
      })
    : await run()
  return response && sendResponse(request, reply, response)
}

function readQuery(request: FastifyRequest): Record<string, unknown> {
  if (isPreflighted(request)) return bodyOfQueryString(request)
  throw new CallerError(
    'BAD_USER_INPUT',
    'a GET needs the header apollo-require-preflight, without which a page of another site could send it',
  )
}

/** Reads are queries. A batch counts as one operation, since services alone send one by default. */
function kindOf({ persisted }: Stages, request: FastifyRequest): WorkKind {
  if (isRead(request)) return 'query'
  const operations = Array.isArray(request.body) ? request.body : [request.body]
  const textOf = (operation: unknown) =>
    isObject(operation) ? (persisted?.peek(operation) ?? operation.query) : ''
  return operations.some(operation => kindOfText(textOf(operation)) === 'mutation') ? 'mutation' : 'query'
}

/** A response that has errors begins so. */
const ERRORS_FIRST = Buffer.from('{"errors"')

type Exchange = {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly lookup: CacheLookup | undefined
}

type AcceptedOperation = {
  readonly body: unknown
  readonly type: string
  readonly partsForm: PartsForm | undefined
}

async function executeOne(
  stages: Stages,
  { request, reply, lookup }: Exchange,
  { body, type, partsForm }: AcceptedOperation,
): Promise<EncodedResponse | undefined> {
  const created: { context?: RequestContext } = {}
  const {
    status,
    headers: resultHeaders,
    result,
    rest,
  } = await executeOperation(stages, request, {
    body,
    partsForm,
    context: async () => {
      created.context = await stages.createContext(request, { caller: lookup?.caller })
      return created.context
    },
  })
  for (const [name, value] of resultHeaders) void reply.header(name, value)
  void reply.code(status).type(type)
  if (rest && partsForm) {
    await sendParts(reply, { form: partsForm, first: JSON.stringify(result), rest: texts(rest) })
    return undefined
  }
  if (isPlain(result) && handOver(request, reply, result)) return undefined
  const { sources } = created.context ?? {}
  const headers = headersOf(reply)
  const text = JSON.stringify(result)
  const isOk = reply.statusCode === 200
  if (stages.cache && lookup && sources?.completed && isOk)
    return stages.cache.put(lookup.key, { sources, text, headers, ...sources.completed })
  return encodeResponse({ text, headers, tagged: isOk && isRead(request) })
}

async function* texts(results: AsyncIterable<object>): AsyncGenerator<string, void, void> {
  for await (const result of results) yield JSON.stringify(result)
}

/** Data is made of fresh lists, objects and serialised scalars; errors and extensions may hold anything. */
function isPlain({ errors, extensions }: HttpResult['result']): boolean {
  return errors === undefined && extensions === undefined
}

/** Returns the headers that belong to the response whenever it is sent. */
function headersOf(reply: FastifyReply): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of ['content-type', 'cache-control', CONSISTENCY_HEADER]) {
    const value = reply.getHeader(name)
    if (typeof value === 'string') found[name] = value
  }
  return found
}

function createContextFactory({ verifier, persisted }: GraphqlOptions): Stages['createContext'] {
  return async (request, { member, budget, caller } = {}) => {
    persisted?.admit(namedOperation(request, member))
    const known =
      caller ?? (await identifyCaller(verifier, request.headers.authorization, request.raw.socket))
    return contextOf(known, request, { member, budget })
  }
}

/** Returns the operation of a batch's `member`, or of the whole request. */
function namedOperation({ method, body, query }: FastifyRequest, member: unknown): NamedOperation {
  if (isObject(member)) return member
  if (method === 'POST') return isObject(body) ? body : {}
  if (!isObject(query)) return {}
  const { query: text, extensions } = query
  // Extensions that are not JSON are refused where they are read.
  return { query: text, extensions: typeof extensions === 'string' ? parseJson(extensions) : undefined }
}

function contextOf(
  caller: Caller,
  { headers, id, ip: address }: FastifyRequest,
  { member, budget }: Pick<KnownParts, 'member' | 'budget'>,
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
