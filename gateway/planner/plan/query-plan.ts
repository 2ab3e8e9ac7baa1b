// Defines query plans: which subgraph is asked what, in which order, and where its response is merged.

export type PlanNode =
  | FetchNode
  | BatchFetchNode
  | { readonly kind: 'Sequence' | 'Parallel'; readonly nodes: readonly PlanNode[] }
  /** Each event of the subgraph's subscription is a response to `primary`; the rest of the plan runs once per event. */
  | { readonly kind: 'Subscription'; readonly primary: FetchNode }
  | { readonly kind: 'Flatten'; readonly path: FlattenPath; readonly node: PlanNode }
  | {
      readonly kind: 'Condition'
      /** A variable's name. */
      readonly condition: string
      readonly ifClause?: PlanNode | null
      readonly elseClause?: PlanNode | null
    }

/** The plan for the fields of the fragment with `@defer(label:)`, to be run after the plan around it. */
export type DeferredPlan = {
  readonly label: string
  /** Undefined when the plan around it fetches all of them. */
  readonly node: PlanNode | undefined
  /** The plans for the deferred fragments within it. */
  readonly deferred: readonly DeferredPlan[]
}

type RequestNode = {
  readonly serviceName: string
  readonly operation: string
  readonly operationName?: string
  readonly operationKind?: 'query' | 'mutation' | 'subscription'
  readonly variableUsages?: readonly string[]
}

export type FetchNode = RequestNode & {
  readonly kind: 'Fetch'
  /** The fields that the representation of each entity has; only a fetch of entities has them. */
  readonly requires?: readonly RequiredSelection[]
  readonly inputRewrites?: readonly Rewrite[]
  readonly outputRewrites?: readonly Rewrite[]
}

/** Combines several fetches of entities from one subgraph in one request, with an alias of `_entities` for each. */
export type BatchFetchNode = RequestNode & {
  readonly kind: 'BatchFetch'
  readonly entityBatch: { readonly aliases: readonly EntityAlias[] }
}

type EntityAlias = {
  readonly alias: string
  readonly representationsVariableName: string
  readonly paths: readonly FlattenPath[]
  readonly requires: readonly RequiredSelection[]
  readonly inputRewrites?: readonly Rewrite[]
  readonly outputRewrites?: readonly Rewrite[]
}

/** Leads from the root of the response to entities: a field by its response name, `@` for each item of a list, a type condition. */
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

/** Returns the nodes directly below `node`. */
function childrenOf(node: PlanNode): readonly PlanNode[] {
  switch (node.kind) {
    case 'Fetch':
    case 'BatchFetch':
      return []
    case 'Subscription':
      return [{ ...node.primary, kind: 'Fetch' }] // Hive's planner leaves its kind out
    case 'Flatten':
      return [node.node]
    case 'Sequence':
    case 'Parallel':
      return node.nodes
    case 'Condition':
      return [node.ifClause, node.elseClause].flatMap(clause => clause ?? [])
  }
}

/** Yields `node` and all nodes below it, in the order of the plan. */
export function* walkPlan(node: PlanNode): Generator<PlanNode> {
  yield node
  for (const child of childrenOf(node)) yield* walkPlan(child)
}

/** Returns `node` with `change` applied to the nodes directly below it. A subscription is left as it is. */
export function mapChildren(node: PlanNode, change: (child: PlanNode) => PlanNode): PlanNode {
  switch (node.kind) {
    case 'Fetch':
    case 'BatchFetch':
    case 'Subscription':
      return node
    case 'Flatten':
      return { ...node, node: change(node.node) }
    case 'Sequence':
    case 'Parallel':
      return { ...node, nodes: node.nodes.map(change) }
    case 'Condition':
      return {
        ...node,
        ...(node.ifClause && { ifClause: change(node.ifClause) }),
        ...(node.elseClause && { elseClause: change(node.elseClause) }),
      }
  }
}

/** Returns the plan with `change` applied to each of its requests, in the order of the plan. */
export function mapRequests(
  node: PlanNode,
  change: <Request extends FetchNode | BatchFetchNode>(request: Request) => Request,
): PlanNode {
  if (node.kind === 'Fetch' || node.kind === 'BatchFetch') return change(node)
  if (node.kind === 'Subscription') return { ...node, primary: change(node.primary) }
  return mapChildren(node, child => mapRequests(child, change))
}
