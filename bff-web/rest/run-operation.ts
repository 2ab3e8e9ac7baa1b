// Runs the operations of operations.graphql in this process, against the BFF's own schema.
import { readFileSync } from 'node:fs'
import { type DocumentNode, execute, type GraphQLSchema, getOperationAST, parse, validate } from 'graphql'
import type { Fields } from '#bff-web/rest/routes.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { formatError } from '#platform/graphql/errors.ts'
import { createOperationCounter } from '#platform/graphql/operation-counter.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type OperationResult =
  | { readonly data: Fields }
  | {
      readonly error: {
        readonly message: string
        readonly code: unknown
        readonly details: Fields
      }
    }
export type RunOperation = (
  name: string,
  variables: Fields,
  context: RequestContext,
) => Promise<OperationResult>

export function readOperations(): DocumentNode {
  return parse(readFileSync(new URL('operations.graphql', import.meta.url), 'utf8'))
}

/** Returns a function that runs an operation, which fails with its first error. Throws when an operation does not fit `schema`. */
export function createOperationRunner(options: {
  readonly service: string
  readonly schema: GraphQLSchema
  readonly logger: Logger
}): RunOperation {
  const { service, schema, logger } = options
  const document = readOperations()
  const [problem] = validate(schema, document)
  if (problem) throw problem
  const count = createOperationCounter(service)
  return async (name, variables, contextValue) => {
    const { data, errors } = await execute({
      schema,
      document,
      operationName: name,
      variableValues: variables,
      contextValue,
    })
    count({ name, kind: getOperationAST(document, name)?.operation, outcome: errors ? 'error' : 'ok' })
    if (data && !errors) return { data }
    const { requestId } = contextValue
    const { message, extensions = {} } = formatError(errors?.[0], { requestId, logger })
    const { code, ...details } = extensions
    return { error: { message, code, details } }
  }
}
