// Names a plan's requests after the operation that they are for, so that logs and traces of a subgraph tell it. Pure.
import type { BatchFetchNode, FetchNode, PlanNode } from '#gateway/planner/plan/query-plan.ts'

/** Apollo's planner has given a name already. */
const KEYWORD = /^(query|mutation|subscription)(?: \w+)?(?=[\s({@])/

/** `Name__service__number`, numbered in the order of the plan. Requests for an operation without a name have none. */
export function nameRequests(plan: PlanNode, name: string | undefined): PlanNode {
  if (name === undefined) return plan
  let number = 0

  function namedFetch<Node extends FetchNode | BatchFetchNode>(node: Node): Node {
    const operationName = `${name}__${node.serviceName.replaceAll(/\W/g, '_')}__${number++}`
    const operation = node.operation.replace(KEYWORD, `$1 ${operationName}`)
    return operation === node.operation ? node : { ...node, operation, operationName }
  }

  function named(node: PlanNode): PlanNode {
    switch (node.kind) {
      case 'Fetch':
      case 'BatchFetch':
        return namedFetch(node)
      case 'Subscription':
        return { ...node, primary: namedFetch(node.primary) }
      case 'Sequence':
      case 'Parallel':
        return { ...node, nodes: node.nodes.map(named) }
      case 'Flatten':
        return { ...node, node: named(node.node) }
      case 'Condition':
        return {
          ...node,
          ...(node.ifClause && { ifClause: named(node.ifClause) }),
          ...(node.elseClause && { elseClause: named(node.elseClause) }),
        }
    }
  }
  return named(plan)
}
