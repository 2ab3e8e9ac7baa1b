// A query plan as the executor knows it: which subgraph to ask what, in which order, and where its answer goes. Types only.

export type PlanNode =
  | FetchNode
  | BatchFetchNode
  | { readonly kind: 'Sequence' | 'Parallel'; readonly nodes: readonly PlanNode[] }
  /** Each event of the subgraph's subscription is an answer to `primary`; what else is in the plan runs for each. */
  | { readonly kind: 'Subscription'; readonly primary: FetchNode }
  | { readonly kind: 'Flatten'; readonly path: FlattenPath; readonly node: PlanNode }
  | {
      readonly kind: 'Condition'
      /** A variable's name. */
      readonly condition: string
      readonly ifClause?: PlanNode | null
      readonly elseClause?: PlanNode | null
    }

export type FetchNode = {
  readonly kind: 'Fetch'
  readonly serviceName: string
  readonly operation: string
  readonly operationName?: string
  readonly operationKind?: 'query' | 'mutation' | 'subscription'
  readonly variableUsages?: readonly string[]
  /** Of entities: what of each goes into its representation. */
  readonly requires?: readonly RequiredSelection[]
  readonly inputRewrites?: readonly Rewrite[]
  readonly outputRewrites?: readonly Rewrite[]
}

/** Several fetches of entities from one subgraph as one request: an alias of `_entities` for each. */
export type BatchFetchNode = {
  readonly kind: 'BatchFetch'
  readonly serviceName: string
  readonly operation: string
  readonly operationName?: string
  readonly operationKind?: 'query' | 'mutation' | 'subscription'
  readonly variableUsages?: readonly string[]
  readonly entityBatch: { readonly aliases: readonly EntityAlias[] }
}

export type EntityAlias = {
  readonly alias: string
  readonly representationsVariableName: string
  readonly paths: readonly FlattenPath[]
  readonly requires: readonly RequiredSelection[]
  readonly inputRewrites?: readonly Rewrite[]
  readonly outputRewrites?: readonly Rewrite[]
}

/** From the answer's root to entities: fields by response name, `@` for each item of a list, only objects of a type. */
export type FlattenPath = readonly (
  | { readonly Field: string }
  | { readonly TypeCondition: readonly string[] }
  | '@'
)[]

export type RequiredSelection =
  | {
      readonly kind: 'Field'
      readonly name: string
      readonly alias?: string
      readonly selections?: readonly RequiredSelection[]
    }
  | {
      readonly kind: 'InlineFragment'
      readonly typeCondition: string
      readonly selections: readonly RequiredSelection[]
      readonly skipIf?: string
      readonly includeIf?: string
    }

export type RewritePath = readonly (
  | { readonly TypenameEquals: readonly string[] }
  | { readonly Key: string }
)[]
export type Rewrite =
  | { readonly ValueSetter: { readonly path: RewritePath; readonly setValueTo: unknown } }
  | { readonly KeyRenamer: { readonly path: RewritePath; readonly renameKeyTo: string } }
