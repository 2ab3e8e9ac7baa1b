// An operation that is ready to run: validated, planned and compiled, for one set of fields that its caller may see.
import type { GraphQLError, OperationDefinitionNode } from 'graphql'
import type { WriteValue } from '#gateway/executor/completion.ts'
import type { JsonObject } from '#gateway/executor/execution.ts'
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
  /** Of a subscription: what is asked of which subgraph, and how each event begins an execution of the rest. */
  readonly source: RootRequest | undefined
  /** Throws nothing: values that do not fit are errors. */
  coerce(given: Variables): { readonly variables: Variables } | { readonly errors: readonly GraphQLError[] }
  /** What introspection answers at the root, by response name; undefined when it is not asked. */
  readonly introspect: ((variables: Variables) => JsonObject) | undefined
  /** What the caller may not see of it; undefined when there is no such thing. */
  readonly unauthorized: UnauthorizedReport | undefined
  /** What it costs, without what is withheld; worked out when first asked for. */
  readonly estimate: () => CostEstimate
}

export type PrepareResult = PreparedOperation | { readonly errors: readonly GraphQLError[] }
/** An operation of which some callers may not see all. */
export type RestrictedOperation = { prepareFor(claims: Claims | undefined): Promise<PrepareResult> }
