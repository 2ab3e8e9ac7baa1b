// Mounts REST for clients without GraphQL: thin routes over operations of the web graph, run in this process.
import { readFileSync } from 'node:fs'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { GraphQLSchema } from 'graphql'
import { readIdempotencyKey, readSearchParameters } from '#bff-web/rest/parameters.ts'
import { operationProblem, refusalProblem, sendProblem, sendThrown } from '#bff-web/rest/problem.ts'
import { API_PATH, createRoutes, type RestRoute } from '#bff-web/rest/routes.ts'
import { createOperationRunner, type RunOperation } from '#bff-web/rest/run-operation.ts'
import type { Verifier } from '#platform/auth/verifier.ts'
import { requireViewer } from '#platform/auth/viewer.ts'
import { CONSISTENCY_HEADER, formatToken, STALE_HEADER } from '#platform/consistency/consistency-token.ts'
import { identifyCaller, requiredPositions } from '#platform/graphql/caller.ts'
import { createRequestContext, type RequestContext } from '#platform/graphql/context.ts'
import { requireJson } from '#platform/http/media-types.ts'
import { encodeResponse, sendResponse } from '#platform/http/response-body.ts'
import type { HttpServer } from '#platform/http/server.ts'
import type { OverloadGuard } from '#platform/resilience/overload-guard.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { traceparent, validTraceparent } from '#platform/telemetry/tracing.ts'

type RestOptions = {
  /** The web graph, executable. */
  readonly schema: GraphQLSchema
  readonly verifier: Verifier
  readonly guard: OverloadGuard
  readonly logger: Logger
}

type Setup = Pick<RestOptions, 'verifier' | 'guard'> & { readonly run: RunOperation }

/** The configuration of every route. */
const CONFIG = { sendError: sendThrown, crossOrigin: true }
const JSON_TYPE = 'application/json; charset=utf-8'
const DESCRIPTION = new URL('../../schema/bff-web.openapi.json', import.meta.url)

/**
 * Mounts the routes under `/api/v1`, and their description at `/api/v1/openapi.json`. Every route but that one needs a
 * bearer token; a POST needs `content-type: application/json` and an Idempotency-Key. The consistency header is read and
 * sent as with GraphQL, errors are sent as application/problem+json. To be called before `http.listen`. Throws when the
 * operations do not fit the schema.
 */
export function mountRest(http: HttpServer, options: RestOptions): void {
  const { schema, verifier, guard, logger } = options
  const run = createOperationRunner({ service: http.name, schema, logger })
  const routes = createRoutes(schema)
  const description = readFileSync(DESCRIPTION, 'utf8')
  void http.app.register(
    async scope => {
      scope.removeAllContentTypeParsers()
      scope.addContentTypeParser('application/json', { parseAs: 'string' }, parseJson(scope))
      scope.setNotFoundHandler(sendNotFound)
      scope.get('/openapi.json', { config: CONFIG }, (request, reply) =>
        sendCacheable(request, reply, description),
      )
      for (const route of routes) mountRoute(scope, route, { verifier, guard, run })
    },
    { prefix: API_PATH },
  )
}

type JsonParser = (
  request: FastifyRequest,
  body: string,
  done: (error: Error | null, body?: unknown) => void,
) => void

/** Returns a parser that reads an empty body as undefined: cancelling an order needs no body. */
function parseJson(scope: FastifyInstance): JsonParser {
  const parse = scope.getDefaultJsonParser('error', 'error')
  return (request, body, done) => {
    if (body === '') return done(null, undefined)
    void parse(request, body, done)
  }
}

function mountRoute(scope: FastifyInstance, route: RestRoute, { verifier, guard, run }: Setup): void {
  const contexts = new WeakMap<FastifyRequest, RequestContext>()
  scope.route({
    method: route.method,
    url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
    config: CONFIG,
    // Runs before the body is read, so that a caller without a token costs little.
    onRequest: [async request => void contexts.set(request, await contextOf(verifier, request)), requireJson],
    async handler(request, reply) {
      const context = contexts.get(request)
      if (context === undefined) throw new Error('a request without a context')
      const kind = route.method === 'GET' ? 'query' : 'mutation'
      return guard.run(kind, {
        run: () => handle(route, run, { request, reply, context }),
        isServed: () => reply.statusCode < 500,
        isAbandoned: () => reply.raw.destroyed,
      })
    },
  })
}

type RouteCall = {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly context: RequestContext
}

async function handle(route: RestRoute, run: RunOperation, call: RouteCall): Promise<FastifyReply> {
  const { request, reply, context } = call
  const { headers, params } = request
  const variables = route.variables({
    viewer: requireViewer(context.viewer),
    params: params as Record<string, string>, // Fastify gives the parameters of the route's own pattern as texts
    search: readSearchParameters(route.search, request.query),
    idempotencyKey: route.method === 'POST' ? readIdempotencyKey(headers['idempotency-key']) : '',
    body: request.body,
  })
  const result = await run(route.operation, variables, context)
  writeConsistency(reply, context)
  if ('error' in result) return sendProblem(reply, operationProblem(result.error))
  const response = route.respond(result.data)
  if ('refusal' in response) return sendProblem(reply, refusalProblem(response.status, response.refusal))
  if (route.method === 'GET') return sendCacheable(request, reply, JSON.stringify(response.body))
  if (response.location !== undefined) reply.header('location', response.location)
  reply.code(response.status).header('cache-control', 'no-store').type(JSON_TYPE)
  return reply.send(JSON.stringify(response.body))
}

/** Throws CallerError UNAUTHENTICATED for a caller without a valid token. */
async function contextOf(verifier: Verifier, { headers, id }: FastifyRequest): Promise<RequestContext> {
  const caller = await identifyCaller(verifier, headers.authorization)
  const { token, verified } = caller
  return createRequestContext({
    viewer: requireViewer(verified?.viewer),
    token,
    requestId: id,
    language: headers['accept-language'],
    traceparent: traceparent() ?? validTraceparent(headers.traceparent),
    required: requiredPositions(caller, headers[CONSISTENCY_HEADER]),
  })
}

function writeConsistency(reply: FastifyReply, { consistency: { seen, stale } }: RequestContext): void {
  const token = formatToken(seen)
  if (token) reply.header(CONSISTENCY_HEADER, token)
  if (stale.length > 0) reply.header(STALE_HEADER, stale.join(','))
}

function sendNotFound(_request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const detail = `there is nothing at this path; ${API_PATH}/openapi.json says what there is`
  return sendProblem(reply, { status: 404, code: 'NOT_FOUND', detail })
}

/** Sends a body that only the client may cache and must revalidate: 304 while it is the same. Compresses it as the client accepts. */
async function sendCacheable(
  request: FastifyRequest,
  reply: FastifyReply,
  body: string,
): Promise<FastifyReply> {
  const answer = encodeResponse({ text: body, headers: { 'content-type': JSON_TYPE }, tagged: true })
  await sendResponse(request, reply, answer)
  return reply
}
