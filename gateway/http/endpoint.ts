// GraphQL over HTTP in front of the executor: what was asked, in whose name, in which media type. Free of planning.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { DEFAULT_RESPONSE_BYTES, limitResponses } from '#gateway/executor/response-limit.ts'
import type { CurrentGraph } from '#gateway/graph/current-graph.ts'
import type { Graph } from '#gateway/graph/graph.ts'
import { type OperationObserver, observeOperations } from '#gateway/observe/operations.ts'
import type { Admission } from '#gateway/pipeline/admission.ts'
import { createErrorFormatter } from '#gateway/pipeline/error-format.ts'
import { resolvePersistedOperation } from '#gateway/pipeline/persisted-operations.ts'
import type { QueryDeduplication } from '#gateway/pipeline/query-deduplication.ts'
import { type FormatError, type GatewayResponse, refuse } from '#gateway/pipeline/response.ts'
import { emptyMetadata, type ResponseMetadata } from '#gateway/pipeline/response-metadata.ts'
import { runOperation } from '#gateway/pipeline/run-operation.ts'
import { acceptedMultipartTypes, type ServeMultipart } from '#gateway/subscriptions/multipart.ts'
import type { VerifiedToken, Verifier } from '#platform/auth/verifier.ts'
import { CONSISTENCY_HEADER, formatToken, STALE_HEADER } from '#platform/consistency/consistency-token.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'
import { ANONYMOUS, type Caller, identifyCaller, requiredPositions } from '#platform/graphql/caller.ts'
import { traceparentIn } from '#platform/graphql/context.ts'
import {
  createRequestBudget,
  type OperationLimits,
  type RequestBudget,
  spendText,
} from '#platform/graphql/documents/limits.ts'
import { type EndClient, FORWARDER_HEADER, parseEndClient } from '#platform/graphql/end-client.ts'
import { type BatchesFrom, checkBatch } from '#platform/graphql/endpoint/batch.ts'
import type { PersistedOperations } from '#platform/graphql/endpoint/persisted-operations.ts'
import { sandboxPage } from '#platform/graphql/explorer/sandbox-page.ts'
import {
  JSON_TYPE,
  mountGraphqlRoute,
  preferredResponseType,
  RESPONSE_TYPE,
} from '#platform/graphql/route.ts'
import { headerText } from '#platform/http/header-text.ts'
import { parseBody } from '#platform/http/json-body.ts'
import { preferredType } from '#platform/http/media-types.ts'
import { isRead } from '#platform/http/methods.ts'
import { encodeResponse, sendResponse } from '#platform/http/response-body.ts'
import type { HttpServer } from '#platform/http/server.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type GatewayEndpointOptions = {
  /** Without one everybody is anonymous, and what they show is not looked at. */
  readonly verifier?: Verifier
  readonly current: CurrentGraph
  readonly logger: Logger
  /** Whether an operation may be run; every one when left out. */
  readonly admission?: Admission | undefined
  /** Operations that may be named by a hash; none when left out. */
  readonly persisted?: PersistedOperations | undefined
  /** Answers subscriptions whose clients take parts; nobody's when left out. */
  readonly serveMultipart?: ServeMultipart | undefined
  /** Equal queries under way are one execution; each has its own when left out. */
  readonly deduplication?: QueryDeduplication | undefined
  readonly limits: OperationLimits
  readonly batchesFrom: BatchesFrom
  /** Of a whole answer, before it is packed; as by default when left out. */
  readonly answerBytes?: number
  /** A browser that opens the endpoint is shown Apollo Sandbox. */
  readonly development: boolean
}

type Stages = GatewayEndpointOptions & { readonly observer: OperationObserver }

/**
 * GET (queries only), HEAD and POST `path`: one operation, or an array of them. An invalid or expired token is
 * UNAUTHENTICATED with HTTP 401; no token is an anonymous caller. See `mountGraphqlRoute` for bodies and errors.
 */
export function mountGateway(
  http: HttpServer,
  options: GatewayEndpointOptions & { readonly path?: string },
): void {
  const stages: Stages = { ...options, observer: observeOperations(http.name) }
  mountGraphqlRoute(http, {
    url: options.path ?? '/graphql',
    handler: (request, reply) => answer(stages, request, reply),
  })
}

async function answer(stages: Stages, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { development, logger, verifier } = stages
  if (development && wantsPage(request)) {
    const { html, headers } = sandboxPage()
    return reply.headers(headers).send(html)
  }
  // A client that takes parts still gets JSON for an error, and for what is no subscription.
  const type =
    preferredResponseType(request.headers.accept) ??
    (acceptedMultipartTypes(request).length > 0 ? JSON_TYPE : undefined)
  if (type === undefined)
    return reply
      .code(406)
      .type('text/plain')
      .send('This endpoint answers with application/graphql-response+json or application/json.\n')
  const format = createErrorFormatter({ requestId: request.id, logger })
  const inParts = stages.serveMultipart?.(request, reply)
  if (inParts && (await inParts)) return undefined
  const caller = verifier
    ? await identifyCaller(verifier, request.headers.authorization, request.raw.socket)
    : ANONYMOUS
  using inUse = stages.current.lease()
  return await run(stages, {
    request,
    reply,
    ...caller,
    isService: caller.verified?.viewer.role === 'service',
    endClient: await endClientOf(verifier, request, caller.verified),
    type,
    format,
    graph: inUse.graph,
  })
}

/** A name is believed of a service: by the request's own token, or by one beside it. */
async function endClientOf(
  verifier: Verifier | undefined,
  { headers }: FastifyRequest,
  verified: VerifiedToken | undefined,
): Promise<EndClient | undefined> {
  const named = verifier && parseEndClient(headers)
  if (!named) return undefined
  if (verified?.viewer.role === 'service') return named
  const token = headerText(headers[FORWARDER_HEADER])
  if (token === undefined) return undefined
  const forwarder = await verifier.verify(token).catch(() => undefined)
  return forwarder?.role === 'service' ? named : undefined
}

type HttpRequestContext = Caller & {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly isService: boolean
  readonly endClient: EndClient | undefined
  readonly type: string
  readonly format: FormatError
  readonly graph: Graph
}

async function run(stages: Stages, exchange: HttpRequestContext): Promise<unknown> {
  const { request, reply, type } = exchange
  const asked = isRead(request) ? queryString(request) : parseBody(request)
  const metadata = emptyMetadata()
  const required = formatToken(requiredPositions(exchange, request.headers[CONSISTENCY_HEADER]))
  if (Array.isArray(asked)) checkBatch(asked, stages, exchange.isService)
  const isShared = Array.isArray(asked) && !exchange.isService
  const budget = isShared ? createRequestBudget(stages.limits) : undefined
  const ask = (member: unknown) => executeMember(stages, exchange, { member, required, metadata, budget })
  const answers = await Promise.all((Array.isArray(asked) ? asked : [asked]).map(ask))
  const [first] = answers
  const texts = limitResponses(
    answers.map(one => one.text),
    stages.answerBytes ?? DEFAULT_RESPONSE_BYTES,
  )
  const text = Array.isArray(asked) ? `[${texts.join(',')}]` : (texts[0] ?? '')
  const reached = formatToken(metadata.reached)
  if (reached !== '') void reply.header(CONSISTENCY_HEADER, reached)
  if (metadata.stale.size > 0) void reply.header(STALE_HEADER, [...metadata.stale].join(','))
  for (const [name, value] of metadata.headers ?? []) void reply.header(name, value)
  for (const { headers } of answers) if (headers) void reply.headers(headers)
  void reply.code(answers.length === 1 && first ? statusFor(first, type) : 200)
  if (reply.statusCode === 405) void reply.header('allow', 'POST')
  const tagged = isRead(request) && reply.statusCode === 200
  return sendResponse(request, reply, encodeResponse({ text, headers: { 'content-type': type }, tagged }))
}

/** With the older media type, whatever was understood as a request is 200. */
function statusFor({ outcome, status }: GatewayResponse, type: string): number {
  if (status !== undefined) return status
  if (outcome === 'not a query') return 405
  return outcome === 'refused' && type === RESPONSE_TYPE ? 400 : 200
}

type Member = {
  readonly member: unknown
  readonly required: string
  readonly metadata: ResponseMetadata
  /** What is left for it of the request's limits; undefined for an operation that has the limits for itself. */
  readonly budget: RequestBudget | undefined
}

async function executeMember(
  stages: Stages,
  { request, token, verified, endClient, format, graph }: HttpRequestContext,
  { member, required, metadata, budget }: Member,
): Promise<GatewayResponse> {
  const named = stages.persisted
    ? resolvePersistedOperation(stages.persisted, member, format)
    : { request: member }
  if ('response' in named) return named.response
  const checked = readParameters(named.request)
  const overspent = budget && spendText(budget, checked.query, stages.limits)
  if (overspent) return refuse([overspent], format)
  const asked = {
    ...checked,
    traceparent: traceparentIn(member),
    queriesOnly: isRead(request),
  }
  const { headers, ip: address } = request
  const claims = verified?.claims
  const sender = { headers, address, requestId: request.id, token, claims, endClient, required }
  const { observer, admission, deduplication } = stages
  return runOperation({ graph, format, metadata, observer, admission, deduplication }, asked, sender)
}

type OperationParameters = {
  readonly query: string
  readonly operationName: string | undefined
  readonly variables: Readonly<Record<string, unknown>>
}

function readParameters(member: unknown): OperationParameters {
  if (!isObject(member))
    throw new CallerError('BAD_USER_INPUT', 'a request is an object with a query, or an array of such')
  const { query, operationName = null, variables = null, extensions = null } = member
  if (typeof query !== 'string' || query === '')
    throw new CallerError(
      'BAD_USER_INPUT',
      'the request has no query: it should be the text of a GraphQL operation',
    )
  if (operationName !== null && typeof operationName !== 'string')
    throw new CallerError('BAD_USER_INPUT', 'operationName should be a string')
  if (variables !== null && !isObject(variables))
    throw new CallerError('BAD_USER_INPUT', 'variables should be an object')
  if (extensions !== null && !isObject(extensions))
    throw new CallerError('BAD_USER_INPUT', 'extensions should be an object')
  return { query, operationName: operationName || undefined, variables: variables ?? {} }
}

function queryString({ query }: FastifyRequest): unknown {
  if (!isObject(query)) return {}
  const { variables, extensions, ...rest } = query
  return { ...rest, variables: parsed('variables', variables), extensions: parsed('extensions', extensions) }
}

function parsed(name: string, text: unknown): unknown {
  if (typeof text !== 'string' || text === '') return null
  try {
    return JSON.parse(text)
  } catch {
    throw new CallerError('BAD_USER_INPUT', `${name} is not JSON`)
  }
}

/** A page in place of an answer, where a browser asks for no operation. */
function wantsPage({ method, headers, query }: FastifyRequest): boolean {
  const isAsked = isObject(query) && 'query' in query
  return (
    method === 'GET' && !isAsked && preferredType(headers.accept, [JSON_TYPE, 'text/html']) === 'text/html'
  )
}
