// Whether a plan can be right: what fields require comes along with them, and no name stands for two things. Pure.
import type { PlanNode, RequiredSelection } from '#gateway/executor/plan.ts'
import { ambiguousIn } from '#gateway/planner/ambiguity.ts'
import { lackingIn, type Required, readRequirements } from '#gateway/planner/requirements.ts'

/** Says why a plan is wrong, or is to be doubted; undefined when it is not. The supergraph is read for the first plan. */
export function createPlanCheck(sdl: string): (plan: PlanNode) => string | undefined {
  let known: Required | undefined
  return plan => {
    known ??= readRequirements(sdl)
    for (const asked of asksOf(plan)) {
      const field = known.requirements.size > 0 ? lackingIn(asked, known) : undefined
      if (field !== undefined) return `${asked.serviceName} is asked for ${field} without what it requires`
      const name = ambiguousIn(asked.operation)
      if (name !== undefined) return `${asked.serviceName} is asked for different things called ${name}`
    }
    return undefined
  }
}

/** A request of a plan; by the names of its fields of entities, what these bring along. */
export type Asks = {
  readonly serviceName: string
  readonly operation: string
  readonly entities: ReadonlyMap<string, readonly RequiredSelection[]>
}

function asksOf(node: PlanNode): readonly Asks[] {
  switch (node.kind) {
    case 'Fetch':
      return [{ ...node, entities: new Map([['_entities', node.requires ?? []]]) }]
    case 'BatchFetch': {
      const { aliases } = node.entityBatch
      return [{ ...node, entities: new Map(aliases.map(({ alias, requires }) => [alias, requires])) }]
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
