// The shapes of GraphQL requests and results, as they go over the wire.

/**
 * An operation's text. A document that code generation typed (its `documentMode: 'string'`) carries the type of its
 * result, which the kit's functions then return; the result of a plain text is `unknown`.
 */
export type OperationText<T> = string | { toString(): string; readonly __apiType?: (variables: never) => T }

export type GraphqlRequest<T = unknown> = {
  readonly query: OperationText<T>
  readonly operationName?: string | undefined
  readonly variables?: Readonly<Record<string, unknown>> | undefined
}

export type GraphqlError = {
  readonly message: string
  readonly path?: readonly (string | number)[]
  readonly extensions?: Readonly<Record<string, unknown>>
}

export type GraphqlResult<T = unknown> = {
  readonly data?: T | null
  readonly errors?: readonly GraphqlError[]
}

/** Returns the request as JSON, with the text of a typed document. */
export function requestJson({ query, operationName, variables }: GraphqlRequest): string {
  return JSON.stringify({ query: String(query), operationName, variables })
}

/** Returns the code of the first error, such as UNAVAILABLE. */
export function codeOf(errors: readonly GraphqlError[] | undefined): string | undefined {
  const code = errors?.[0]?.extensions?.code
  return typeof code === 'string' ? code : undefined
}

/** Returns how long the first error asks to wait, in ms, or undefined if it does not say. */
export function retryAfterOf(errors: readonly GraphqlError[] | undefined): number | undefined {
  const seconds = errors?.[0]?.extensions?.retryAfterSeconds
  return typeof seconds === 'number' ? seconds * 1000 : undefined
}

/** Returns whether the same request may succeed later: the service is away, or asks for less at a time. */
export function isTransient(code: string | undefined): boolean {
  return code === 'UNAVAILABLE' || code === 'RATE_LIMITED'
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isResult(value: unknown): value is GraphqlResult {
  return isObject(value) && ('data' in value || Array.isArray(value.errors))
}
