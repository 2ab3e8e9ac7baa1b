// The GraphQL endpoint over HTTP: media types, callers, batches, and the response's status and headers.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { limitResponses } from '#gateway/executor/response-limit.ts'
import type { CurrentGraph } from '#gateway/graph/current-graph.ts'
import type { Graph } from '#gateway/graph/graph.ts'
import { type OperationObserver, observeOperations } from '#gateway/observe/operations.ts'
import type { Admission } from '#gateway/pipeline/admission.ts'
import { createErrorFormatter } from '#gateway/pipeline/error-format.ts'
import { resolvePersistedOperation } from '#gateway/pipeline/persisted-operations.ts'
import type { QueryDeduplication } from '#gateway/pipeline/query-deduplication.ts'
import {
  type FormatError,
  type GatewayResponse,
  type PartsSender,
  type ResponseParts,
  refuse,
} from '#gateway/pipeline/response.ts'
import { emptyMetadata, type ResponseMetadata } from '#gateway/pipeline/response-metadata.ts'
import { runOperation } from '#gateway/pipeline/run-operation.ts'
import type { ServeMultipart } from '#gateway/subscriptions/multipart.ts'
import type { VerifiedToken, Verifier } from '#platform/auth/verifier.ts'
import { CONSISTENCY_HEADER, formatToken, STALE_HEADER } from '#platform/consistency/consistency-token.ts'
import { CallerError } from '#platform/domain/errors.ts'
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
import { sandboxPage, wantsSandbox } from '#platform/graphql/explorer/sandbox-page.ts'
import {
  acceptedMultipartTypes,
  acceptedPartsForm,
  sendParts,
} from '#platform/graphql/incremental/multipart.ts'
import { bodyOfQueryString, readParameters } from '#platform/graphql/operation-parameters.ts'
import {
  JSON_TYPE,
  mountGraphqlRoute,
  preferredResponseType,
  RESPONSE_TYPE,
} from '#platform/graphql/route.ts'
import { headerText } from '#platform/http/header-text.ts'
import { leaveUnlogged } from '#platform/http/instrumentation.ts'
import { parseBody } from '#platform/http/json-body.ts'
import { isRead } from '#platform/http/methods.ts'
import { encodeResponse, sendResponse } from '#platform/http/response-body.ts'
import type { HttpServer } from '#platform/http/server.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type GatewayEndpointOptions = {
  /** Left out, every caller is anonymous and tokens are ignored. */
  readonly verifier?: Verifier
  readonly current: CurrentGraph
  readonly logger: Logger
  readonly admission: Admission
  readonly persisted: PersistedOperations
  readonly serveMultipart: ServeMultipart
  /** Left out, equal queries are executed one by one. */
  readonly deduplication?: QueryDeduplication | undefined
  /** `answerBytes`: the most bytes of a whole response before compression. */
  readonly limits: OperationLimits & { readonly answerBytes: number }
  readonly batchesFrom: BatchesFrom
  /** Says whether a browser that opens the endpoint gets Apollo Sandbox. */
  readonly development: boolean
}

type Endpoint = GatewayEndpointOptions & { readonly observer: OperationObserver }

/**
 * Serves GET (queries only), HEAD and POST of /graphql with one operation, or an array of them. An invalid or expired token is
 * UNAUTHENTICATED with HTTP 401; no token is an anonymous caller. See `mountGraphqlRoute` for bodies and errors.
 */
export function mountGateway(http: HttpServer, options: GatewayEndpointOptions): void {
  const endpoint: Endpoint = { ...options, observer: observeOperations(http.name) }
  mountGraphqlRoute(http, {
    url: '/graphql',
    handler: (request, reply) => handle(endpoint, request, reply),
  })
}

async function handle(endpoint: Endpoint, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { development, logger, verifier } = endpoint
  if (development && wantsSandbox(request)) {
    const { html, headers } = sandboxPage()
    return reply.headers(headers).send(html)
  }
  // A client that accepts multipart still gets JSON for an error, and for what is no subscription.
  const type =
    preferredResponseType(request.headers.accept) ??
    (acceptedMultipartTypes(request).length > 0 ? JSON_TYPE : undefined)
  if (type === undefined)
    return reply
      .code(406)
      .type('text/plain')
      .send('This endpoint responds with application/graphql-response+json or application/json.\n')
  const format = createErrorFormatter({ requestId: request.id, logger })
  const inParts = endpoint.serveMultipart(request, reply)
  if (inParts && (await inParts)) return undefined
  const caller = verifier
    ? await identifyCaller(verifier, request.headers.authorization, request.raw.socket)
    : ANONYMOUS
  using lease = endpoint.current.lease()
  return await run(endpoint, {
    request,
    reply,
    ...caller,
    ...(await forwardingOf(verifier, request, caller.verified)),
    type,
    format,
    graph: lease.graph,
  })
}

type Forwarding = {
  /** The request is a service's own, by its token. */
  readonly isService: boolean
  /** A service sent the request, in its own name or in another's: it may name an end client, and has limited its load. */
  readonly isForwarded: boolean
  readonly endClient: EndClient | undefined
}

/** A service shows itself by the request's own token, or by one in a header of its own. */
async function forwardingOf(
  verifier: Verifier | undefined,
  { headers }: FastifyRequest,
  verified: VerifiedToken | undefined,
): Promise<Forwarding> {
  const isService = verified?.viewer.role === 'service'
  const isForwarded = isService || (await isByService(verifier, headerText(headers[FORWARDER_HEADER])))
  return { isService, isForwarded, endClient: isForwarded ? parseEndClient(headers) : undefined }
}

async function isByService(verifier: Verifier | undefined, token: string | undefined): Promise<boolean> {
  if (verifier === undefined || token === undefined) return false
  const forwarder = await verifier.verify(token).catch(() => undefined) // an invalid token vouches for nobody
  return forwarder?.role === 'service'
}

type HttpRequestContext = Caller &
  Forwarding & {
    readonly request: FastifyRequest
    readonly reply: FastifyReply
    readonly type: string
    readonly format: FormatError
    readonly graph: Graph
  }

async function run(endpoint: Endpoint, context: HttpRequestContext): Promise<unknown> {
  const { request, reply, type } = context
  const body = isRead(request) ? bodyOfQueryString(request) : parseBody(request)
  const metadata = emptyMetadata()
  const required = formatToken(requiredPositions(context, request.headers[CONSISTENCY_HEADER]))
  if (Array.isArray(body)) checkBatch(body, { ...endpoint, isTrusted: context.isService })
  const isShared = Array.isArray(body) && !context.isService
  const budget = isShared ? createRequestBudget(endpoint.limits) : undefined
  const parts = Array.isArray(body) ? undefined : partsSenderOf(context, metadata)
  const execute = (member: unknown) =>
    executeMember(endpoint, context, { member, required, metadata, budget, parts })
  const responses = await Promise.all((Array.isArray(body) ? body : [body]).map(execute))
  const [first] = responses
  if (first?.isSent) return undefined
  const texts = limitResponses(
    responses.map(one => one.text),
    endpoint.limits.answerBytes,
  )
  const text = Array.isArray(body) ? `[${texts.join(',')}]` : (texts[0] ?? '')
  writeMetadata(reply, metadata)
  for (const { headers } of responses) {
    if (headers) void reply.headers(headers)
    if (headers?.['retry-after'] !== undefined) leaveUnlogged(request)
  }
  void reply.code(responses.length === 1 && first ? statusFor(first, type) : 200)
  if (reply.statusCode === 405) void reply.header('allow', 'POST')
  const tagged = isRead(request) && reply.statusCode === 200
  return sendResponse(request, reply, encodeResponse({ text, headers: { 'content-type': type }, tagged }))
}

function writeMetadata(reply: FastifyReply, metadata: ResponseMetadata): void {
  const reached = formatToken(metadata.reached)
  if (reached !== '') void reply.header(CONSISTENCY_HEADER, reached)
  if (metadata.stale.size > 0) void reply.header(STALE_HEADER, [...metadata.stale].join(','))
  for (const [name, value] of metadata.headers ?? []) void reply.header(name, value)
}

/** Headers go with the first part; what later parts reach is in the `extensions` of the last. */
function partsSenderOf(
  { request, reply }: HttpRequestContext,
  metadata: ResponseMetadata,
): PartsSender | undefined {
  const form = acceptedPartsForm(request)
  if (form === undefined) return undefined
  return {
    form,
    async send({ first, rest, headers }) {
      writeMetadata(reply, metadata)
      if (headers) void reply.headers(headers)
      await sendParts(reply, { form, first: JSON.stringify(first), rest: textsOf(rest, metadata) })
    },
  }
}

async function* textsOf(
  results: ResponseParts['rest'],
  metadata: ResponseMetadata,
): AsyncGenerator<string, void, void> {
  for await (const result of results) {
    const reached = formatToken(metadata.reached)
    const stale = [...metadata.stale]
    const extensions = {
      ...(reached !== '' && { [CONSISTENCY_HEADER]: reached }),
      ...(stale.length > 0 && { stale }),
    }
    const isReported = !result.hasNext && Object.keys(extensions).length > 0
    yield JSON.stringify(isReported ? { ...result, extensions } : result)
  }
}

/** With the older media type, every well-formed request gets 200. */
function statusFor({ outcome, status }: GatewayResponse, type: string): number {
  if (status !== undefined) return status
  return outcome === 'refused' && type === RESPONSE_TYPE ? 400 : 200
}

type Member = {
  readonly member: unknown
  readonly required: string
  readonly metadata: ResponseMetadata
  /** The remaining limits that a batch shares; undefined for an operation that has the limits to itself. */
  readonly budget: RequestBudget | undefined
  readonly parts: PartsSender | undefined
}

async function executeMember(
  endpoint: Endpoint,
  { request, reply, token, verified, endClient, isForwarded, format, graph }: HttpRequestContext,
  { member, required, metadata, budget, parts }: Member,
): Promise<GatewayResponse> {
  const resolved = resolvePersistedOperation(endpoint.persisted, member, format)
  if ('response' in resolved) return resolved.response
  const { query, operationName, variables } = readParameters(resolved.request)
  if (!query)
    throw new CallerError(
      'BAD_USER_INPUT',
      'the request has no query: it should be the text of a GraphQL operation',
    )
  const overspent = budget && spendText(budget, query, endpoint.limits)
  if (overspent) return refuse([overspent], format)
  const operation = {
    query,
    operationName,
    variables,
    traceparent: traceparentIn(member),
    queriesOnly: isRead(request),
    parts,
  }
  const { headers, ip: address } = request
  const claims = verified?.claims
  const isAbandoned = () => reply.raw.destroyed
  const requestId = request.id
  const sentBy = { headers, address, requestId, token, claims, endClient, isForwarded, required, isAbandoned }
  const { observer, admission, deduplication } = endpoint
  return runOperation({ graph, format, metadata, observer, admission, deduplication }, operation, sentBy)
}
