// Names a plan's requests after the client's operation, so that logs and traces of a subgraph show which one it was.
import { mapRequests, type PlanNode } from '#gateway/planner/plan/query-plan.ts'

/** Matches the head of an operation. Apollo's planner has given it a name already. */
const OPERATION_HEAD = /^(query|mutation|subscription)(?: \w+)?(?=[\s({@])/

/** Names requests `Name__service__number`, numbered in the order of the plan. Leaves an anonymous operation's as they are. */
export function nameRequests(plan: PlanNode, name: string | undefined): PlanNode {
  if (name === undefined) return plan
  let number = 0
  return mapRequests(plan, node => {
    const operationName = `${name}__${node.serviceName.replaceAll(/\W/g, '_')}__${number++}`
    const operation = node.operation.replace(OPERATION_HEAD, `$1 ${operationName}`)
    return operation === node.operation ? node : { ...node, operation, operationName }
  })
}
