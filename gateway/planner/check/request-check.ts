// Whether a plan can be right: what fields require comes along with them, and no name stands for two things. Pure.
import type { OperationDefinitionNode } from 'graphql'
import { findFieldConflict } from '#gateway/planner/check/field-conflicts.ts'
import { findUnmetRequirement, type Required, readRequirements } from '#gateway/planner/check/requirements.ts'
import type {
  BatchFetchNode,
  FetchNode,
  PlanNode,
  RequiredSelection,
} from '#gateway/planner/plan/query-plan.ts'
import { parseRequest } from '#gateway/planner/plan/request-operation.ts'

/** Says why a plan is wrong, or is to be doubted; undefined when it is not. The supergraph is read for the first plan. */
export function createRequestCheck(sdl: string): (plan: PlanNode) => string | undefined {
  let known: { readonly required: Required | undefined } | undefined
  return plan => {
    known ??= { required: readRequirements(sdl) }
    for (const asks of asksOf(plan)) {
      const field = known.required && findUnmetRequirement(asks, known.required)
      if (field !== undefined) return `${asks.serviceName} is asked for ${field} without what it requires`
      const name = findFieldConflict(asks.operation)
      if (name !== undefined) return `${asks.serviceName} is asked for different things called ${name}`
    }
    return undefined
  }
}

/** A request of a plan; by the names of its fields of entities, what these bring along. */
export type PlanRequest = {
  readonly serviceName: string
  readonly operation: OperationDefinitionNode
  readonly entities: ReadonlyMap<string, readonly RequiredSelection[]>
}

function asksOf(node: PlanNode): readonly PlanRequest[] {
  switch (node.kind) {
    case 'Fetch':
      return asks(node, new Map([['_entities', node.requires ?? []]]))
    case 'BatchFetch': {
      const { aliases } = node.entityBatch
      return asks(node, new Map(aliases.map(({ alias, requires }) => [alias, requires])))
    }
    case 'Subscription':
      return asksOf({ ...node.primary, kind: 'Fetch' }) // Hive's planner leaves out its kind
    case 'Flatten':
      return asksOf(node.node)
    case 'Sequence':
    case 'Parallel':
      return node.nodes.flatMap(asksOf)
    case 'Condition':
      return [node.ifClause, node.elseClause].flatMap(clause => (clause ? asksOf(clause) : []))
  }
}

function asks(node: FetchNode | BatchFetchNode, entities: PlanRequest['entities']): readonly PlanRequest[] {
  const operation = parseRequest(node.operation)
  return [{ serviceName: node.serviceName, operation, entities }]
}
