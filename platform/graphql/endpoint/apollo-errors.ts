// Connects formatError to Apollo Server, whose error hook does not say which request an error belongs to.
import type { GraphQLFormattedError } from 'graphql'
import { formatError } from '#platform/graphql/errors.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

const UNKNOWN_REQUEST = 'see the x-request-id header'
const requestIds = new WeakMap<object, string>()

/** Records which request `errors` belong to, for the formatter. */
export function attributeErrors(errors: readonly unknown[], requestId: string): void {
  for (const error of errors)
    if (typeof error === 'object' && error !== null) requestIds.set(error, requestId)
}

/** Returns the `formatError` of an Apollo Server. */
export function createErrorFormatter(
  logger: Logger,
): (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError {
  return (_formatted, error) => {
    const known = typeof error === 'object' && error !== null ? requestIds.get(error) : undefined
    return formatError(error, { requestId: known ?? UNKNOWN_REQUEST, logger })
  }
}
