// Changes a plan's requests for entities one by one, and leaves the rest as it is. Pure.
import type { FetchNode, FlattenPath, PlanNode } from '#gateway/planner/plan/query-plan.ts'

export type EntityFetch = { readonly path: FlattenPath; readonly node: FetchNode }

/** `change` gives what is asked instead, in this order. */
export function withEntityFetches(
  node: PlanNode,
  change: (fetch: EntityFetch) => readonly EntityFetch[],
): PlanNode {
  const within = (inner: PlanNode) => withEntityFetches(inner, change)
  switch (node.kind) {
    case 'Flatten':
      return node.node.kind === 'Fetch'
        ? inSequence(change({ path: node.path, node: node.node }))
        : { ...node, node: within(node.node) }
    case 'Sequence':
    case 'Parallel':
      return { ...node, nodes: node.nodes.map(within) }
    case 'Condition':
      return {
        ...node,
        ifClause: node.ifClause ? within(node.ifClause) : null,
        elseClause: node.elseClause ? within(node.elseClause) : null,
      }
    case 'Fetch':
    case 'BatchFetch':
    case 'Subscription':
      return node
  }
}

function inSequence(fetches: readonly EntityFetch[]): PlanNode {
  const [first, ...others] = fetches.map((fetch): PlanNode => ({ kind: 'Flatten', ...fetch }))
  return first && others.length === 0 ? first : { kind: 'Sequence', nodes: first ? [first, ...others] : [] }
}
