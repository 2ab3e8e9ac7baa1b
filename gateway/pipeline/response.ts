// The response to one operation, and how a refused operation is answered.
import type { GraphQLError, GraphQLFormattedError } from 'graphql'
import type { ExecutionError } from '#gateway/executor/execution.ts'
import type { PreparedOperation } from '#gateway/operations/prepared-operation.ts'
import type { PartsForm } from '#platform/graphql/incremental/parts-form.ts'

export type GatewayResponse = {
  /** The whole body, as JSON. */
  readonly text: string
  /** `refused`: nothing was executed. */
  readonly outcome: 'ok' | 'errors' | 'refused'
  readonly name: string | undefined
  readonly kind: PreparedOperation['kind'] | undefined
  /** The HTTP status, where the outcome does not decide it. */
  readonly status?: number
  /** HTTP headers that go with the body. */
  readonly headers?: Readonly<Record<string, string>>
  /** True for a response that was sent in parts already. */
  readonly isSent?: boolean
}

/** The results of a response in parts, with formatted errors. */
export type ResponseParts = {
  readonly first: object
  readonly rest: AsyncIterable<{ readonly hasNext: boolean }>
  readonly headers: Readonly<Record<string, string>> | undefined
}

/** Sends the parts of a response to its client. `send` resolves once all are sent, or the client is gone. */
export type PartsSender = { readonly form: PartsForm; send(parts: ResponseParts): Promise<void> }

export type FormatError = (error: ExecutionError | GraphQLError) => GraphQLFormattedError

export type Extensions = Readonly<Record<string, unknown>>

/** The part of a refusal that stands next to its errors. */
type RefusalDetails = Pick<GatewayResponse, 'status' | 'headers'> & {
  readonly prepared?: PreparedOperation | undefined
  readonly extensions?: Extensions | undefined
}

/** Returns the response to an operation of which nothing is executed. */
export function refuse(
  errors: readonly (ExecutionError | GraphQLError)[],
  format: FormatError,
  { prepared, extensions, status, headers }: RefusalDetails = {},
): GatewayResponse {
  return {
    text: `{"errors":${JSON.stringify(errors.map(format))}${writeExtensions(extensions)}}`,
    outcome: 'refused',
    name: prepared?.name,
    kind: prepared?.kind,
    ...(status !== undefined && { status }),
    ...(headers && { headers }),
  }
}

/** Returns the `extensions` member of a response with a comma before it, or nothing. */
export function writeExtensions(extensions: Extensions | undefined): string {
  return extensions === undefined ? '' : `,"extensions":${JSON.stringify(extensions)}`
}
