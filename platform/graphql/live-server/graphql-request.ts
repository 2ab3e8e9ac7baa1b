// Reads the GraphQL request of a message, a body or a query string, and checks its shape.
import { isObject } from '#platform/domain/json.ts'

/** `query` is missing where a persisted operation is named by `extensions` instead. */
export type GraphqlRequest = {
  readonly query?: string
  readonly operationName?: string
  readonly variables?: Readonly<Record<string, unknown>>
  readonly extensions?: Readonly<Record<string, unknown>>
  /** Mutations are refused. */
  readonly readOnly?: boolean
}

/** Returns the request, or what is wrong with its shape. Null counts as left out. */
export function readGraphqlRequest(value: unknown): GraphqlRequest | { readonly problem: string } {
  if (!isObject(value)) return { problem: 'the request should be an object' }
  const { query, operationName, variables, extensions } = value
  if (!isAbsent(query) && typeof query !== 'string') return { problem: 'query should be a text' }
  if (!isAbsent(operationName) && typeof operationName !== 'string')
    return { problem: 'operationName should be a text' }
  if (!isAbsent(variables) && !isObject(variables)) return { problem: 'variables should be an object' }
  if (!isAbsent(extensions) && !isObject(extensions)) return { problem: 'extensions should be an object' }
  if (isAbsent(query) && !isObject(extensions)) return { problem: 'the query is missing' }
  return {
    ...(!isAbsent(query) && { query }),
    ...(!isAbsent(operationName) && { operationName }),
    ...(!isAbsent(variables) && { variables }),
    ...(!isAbsent(extensions) && { extensions }),
  }
}

function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined
}
