// An operation that is ready to run: validated, planned and compiled, for one set of fields that its caller may see.
import type { GraphQLError, OperationDefinitionNode } from 'graphql'
import type { RunInParts } from '#gateway/deferral/deferral.ts'
import type { JsonObject, WriteValue } from '#gateway/executor/execution.ts'
import type { RootRequest, Step } from '#gateway/executor/fetches.ts'
import type { Claims } from '#gateway/safety/authorization/grants.ts'
import type { UnauthorizedReport } from '#gateway/safety/authorization/operation-authorization.ts'
import type { CostEstimate } from '#gateway/safety/cost/estimate.ts'

type Variables = Readonly<Record<string, unknown>>

export type PreparedOperation = {
  readonly name: string | undefined
  readonly kind: OperationDefinitionNode['operation']
  readonly run: Step
  readonly write: WriteValue
  /** Undefined for an operation of which nothing is deferred, or can be. */
  readonly runInParts?: RunInParts | undefined
  /** A subscription's request to its subgraph, and how each event begins an execution of the rest of the plan. */
  readonly source: RootRequest | undefined
  /** Returns an error for each value that does not fit its type; never throws. */
  coerce(given: Variables): { readonly variables: Variables } | { readonly errors: readonly GraphQLError[] }
  /** Returns the introspection fields at the root, by response name; undefined when none is selected. */
  readonly introspect: ((variables: Variables) => JsonObject) | undefined
  /** The fields that the caller may not see; undefined when it may see all. */
  readonly unauthorized: UnauthorizedReport | undefined
  /** Returns the cost without unauthorized fields, compiled on the first call. */
  readonly estimate: () => CostEstimate
}

export type PrepareResult = PreparedOperation | { readonly errors: readonly GraphQLError[] }
/** An operation of which some callers may see only a part. */
export type RestrictedOperation = { prepareFor(claims: Claims | undefined): Promise<PrepareResult> }
