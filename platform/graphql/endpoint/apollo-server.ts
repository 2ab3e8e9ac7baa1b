// Creates the Apollo Server of an endpoint: limits, errors and persisted queries.
import { ApolloServer } from '@apollo/server'
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled'
import type { GraphQLSchema } from 'graphql'
import type { RequestContext } from '#platform/graphql/context.ts'
import { createDocumentCache } from '#platform/graphql/documents/document-cache.ts'
import type { OperationLimits } from '#platform/graphql/documents/limits.ts'
import { MAX_VARIABLE_ERRORS } from '#platform/graphql/documents/variable-values.ts'
import { createErrorFormatter } from '#platform/graphql/endpoint/apollo-errors.ts'
import { createDocumentPlugin } from '#platform/graphql/endpoint/document-plugin.ts'
import { createOperationPlugin, type PositionWaiter } from '#platform/graphql/endpoint/operation-plugin.ts'
import type { PersistedOperations } from '#platform/graphql/endpoint/persisted-operations.ts'
import { executeInParts } from '#platform/graphql/incremental/execute-in-parts.ts'
import { partsFormOf } from '#platform/graphql/incremental/parts-form.ts'
import type { HttpServer } from '#platform/http/server.ts'

export type ApolloOptions = {
  readonly schema: GraphQLSchema
  /** Introspection, and Apollo Sandbox for browsers. */
  readonly development: boolean
  /** Waits for this service's own positions; left out by services that have none. */
  readonly consistency?: PositionWaiter
  /** How many values the operations of a request may ask for, as estimated; any number when left out. */
  readonly maxCost?: number | undefined
  /** Operations that may be named by a hash instead of sent as text; none when left out. */
  readonly persisted?: PersistedOperations
}

/** Returns a server that is not started yet. */
export function createApolloServer(
  { name, logger }: Pick<HttpServer, 'name' | 'logger'>,
  { schema, development, consistency, maxCost, persisted }: ApolloOptions,
  limits: OperationLimits,
): ApolloServer<RequestContext> {
  const documents = createDocumentCache({ schema, limits, introspection: development })
  return new ApolloServer<RequestContext>({
    schema,
    logger,
    nodeEnv: development ? 'development' : 'production',
    introspection: true, // Apollo's refusal tells callers how to set up the server; ours is a validation rule
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    formatError: createErrorFormatter(logger),
    // The document plugin validates.
    dangerouslyDisableValidation: true,
    documentStore: null,
    executionOptions: { maxCoercionErrors: MAX_VARIABLE_ERRORS },
    hideSchemaDetailsFromClientErrors: !development,
    legacyExperimentalExecuteIncrementally: args =>
      executeInParts(args, partsFormOf(args.contextValue) ?? 'ids'),
    persistedQueries: persisted ? { cache: persisted.store } : false,
    plugins: [
      createDocumentPlugin({ documents, values: limits.values, schema, maxCost, logger }),
      createOperationPlugin(name, consistency),
      // Cache control and inline traces hook into every field, pages are served elsewhere, the rest would phone home.
      ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
      ApolloServerPluginSchemaReportingDisabled(),
    ],
  })
}
