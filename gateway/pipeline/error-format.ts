// Formats the errors of a response: a caller's mistakes are shown, a subgraph's pass by the masking rules, faults are logged.
import { GraphQLError } from 'graphql'
import type { ExecutionError } from '#gateway/executor/execution.ts'
import type { FormatError } from '#gateway/pipeline/response.ts'
import { isSubgraphError, unmaskedError, withSubgraphName } from '#gateway/transport/error-masking.ts'
import { formatError } from '#platform/graphql/errors.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

/** The most faults of the gateway itself that are logged for one response: a list may have thousands. */
const MAX_LOGGED = 3

/**
 * A validation error is the caller's fault, an error of a subgraph is masked as the settings say, and what the executor
 * found wrong with a subgraph's response goes to the log.
 */
export function createErrorFormatter(to: {
  readonly requestId: string
  readonly logger: Logger
}): FormatError {
  let logged = 0
  return error => {
    if (error instanceof GraphQLError) return formatError(asCallersFault(error), to)
    const isForLog = error.extensions.code === 'INTERNAL' && !isSubgraphError(error) && logged++ < MAX_LOGGED
    return (
      unmaskedError(error) ??
      withSubgraphName(
        error,
        formatError(asGraphQLError(isForLog ? { ...error, extensions: {} } : error), to),
      )
    )
  }
}

function asGraphQLError({ message, path, extensions }: ExecutionError): GraphQLError {
  return new GraphQLError(message, { extensions: { ...extensions }, ...(path && { path }) })
}

function asCallersFault(error: GraphQLError): GraphQLError {
  return new GraphQLError(error.message, {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    extensions: { code: 'BAD_USER_INPUT', ...error.extensions },
  })
}
