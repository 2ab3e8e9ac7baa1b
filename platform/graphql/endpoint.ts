// Mounts a GraphQL schema (or a gateway) on an HTTP server with Apollo Server. Free of what the schema is about.
import { ApolloServer, type ApolloServerOptionsWithGateway, type ApolloServerPlugin } from '@apollo/server'
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled'
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default'
import fastifyApollo from '@as-integrations/fastify'
import type { FastifyRequest } from 'fastify'
import type { GraphQLSchema } from 'graphql'
import type { Verifier } from '#platform/auth/verifier.ts'
import { answerBatch, memberTraceparent } from '#platform/graphql/batch.ts'
import { identifyCaller } from '#platform/graphql/caller.ts'
import { CONSISTENCY_HEADER, parseToken } from '#platform/graphql/consistency.ts'
import { createRequestContext, type RequestContext } from '#platform/graphql/context.ts'
import { contextFailure, createErrorFormatter } from '#platform/graphql/error-formatter.ts'
import { DEFAULT_LIMITS, limitRule, type OperationLimits } from '#platform/graphql/limits.ts'
import { createOperationPlugin, type OwnConsistency } from '#platform/graphql/operation-plugin.ts'
import type { HttpServer } from '#platform/http/server.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { parseTraceparent, traceparent } from '#platform/telemetry/tracing.ts'

type Gateway = ApolloServerOptionsWithGateway<RequestContext>['gateway']
export type GraphqlSource = { readonly schema: GraphQLSchema } | { readonly gateway: Gateway }

export type GraphqlOptions = {
  readonly verifier: Verifier
  /** Introspection and a landing page. */
  readonly development: boolean
  readonly logger: Logger
  /** `/graphql` when left out. */
  readonly path?: string
  /** Positions of this service that queries wait for; left out by services that have none of their own. */
  readonly consistency?: OwnConsistency
  /** Adds to the context what a service's own resolvers need. Must keep the parts that it gets, by reference. */
  readonly extend?: (base: RequestContext) => RequestContext | Promise<RequestContext>
  readonly limits?: Partial<OperationLimits>
  /** Automatic persisted queries; off when left out. */
  readonly persistedQueries?: boolean
  readonly plugins?: readonly ApolloServerPlugin<RequestContext>[]
}

/** Disposing stops the GraphQL server; dispose the HTTP server first, so that requests under way end. */
export type GraphqlEndpoint = AsyncDisposable & { readonly path: string }

/**
 * GET and POST `path`, one operation or an array of them. An invalid or expired token gives every operation
 * UNAUTHENTICATED with HTTP 401; no token is an anonymous caller. Batched operations succeed or fail one by one, each
 * with a context of its own. Call before `http.listen`.
 */
export async function mountGraphql(
  http: HttpServer,
  source: GraphqlSource,
  options: GraphqlOptions,
): Promise<GraphqlEndpoint> {
  const { path = '/graphql', verifier, extend } = options
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const server = createApolloServer(http.name, source, options, limits)
  await server.start()
  const contextOf = async (request: FastifyRequest, member?: unknown): Promise<RequestContext> => {
    try {
      const base = await baseContext(verifier, request, member)
      return extend === undefined ? base : await extend(base)
    } catch (error) {
      throw contextFailure(error, request.id)
    }
  }
  const setup = { server, contextOf, limit: limits.batch }
  void http.app.register(async scope => {
    scope.addHook('preHandler', async (request, reply) => {
      if (Array.isArray(request.body)) return answerBatch(setup, request, reply)
    })
    await scope.register(fastifyApollo(server), {
      path,
      method: ['GET', 'POST'],
      context: request => contextOf(request),
    })
  })
  return { path, [Symbol.asyncDispose]: () => server.stop() }
}

function createApolloServer(
  service: string,
  source: GraphqlSource,
  options: GraphqlOptions,
  limits: OperationLimits,
): ApolloServer<RequestContext> {
  const { development, logger, persistedQueries = false } = options
  return new ApolloServer<RequestContext>({
    ...source,
    logger,
    nodeEnv: development ? 'development' : 'production',
    introspection: development,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    stringifyResult: value => JSON.stringify(value),
    formatError: createErrorFormatter(logger),
    parseOptions: { maxTokens: limits.tokens },
    validationRules: [limitRule(limits)],
    ...(!persistedQueries && { persistedQueries: false }),
    plugins: [
      createOperationPlugin(service, options.consistency),
      development
        ? ApolloServerPluginLandingPageLocalDefault({ embed: true, footer: false })
        : ApolloServerPluginLandingPageDisabled(),
      // Cache control and inline traces hook into every field; the rest would phone home.
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
      ApolloServerPluginSchemaReportingDisabled(),
      ...(options.plugins ?? []),
    ],
  })
}

async function baseContext(
  verifier: Verifier,
  { headers, id }: FastifyRequest,
  member: unknown,
): Promise<RequestContext> {
  const { token, verified } = await identifyCaller(verifier, headers.authorization)
  return createRequestContext({
    viewer: verified?.viewer,
    token,
    requestId: id,
    language: headers['accept-language'],
    traceparent: traceparent() ?? incomingTrace(memberTraceparent(member) ?? headers.traceparent),
    required: parseToken(textOf(headers[CONSISTENCY_HEADER])),
  })
}

/** Passed on as it came while tracing is off here, so that the chain does not break. */
function incomingTrace(header: unknown): string | undefined {
  return typeof header === 'string' && parseTraceparent(header) ? header : undefined
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(',') : header
}
