// Compiles a query plan into functions: which fetches run one after the other, and which side by side.
import {
  compileBatchFetch,
  compileEntityFetch,
  compileNestedRootFetch,
  compileRootFetch,
  compileRootRequest,
  type PlanContext,
  type RootRequest,
  type Step,
} from '#gateway/executor/fetches.ts'
import type { PlanNode } from '#gateway/planner/plan/query-plan.ts'

export function compilePlan(node: PlanNode | null | undefined, context: PlanContext): Step {
  if (!node) return () => {}
  switch (node.kind) {
    case 'Fetch':
      return node.requires?.length ? compileEntityFetch(node, [], context) : compileRootFetch(node, context)
    case 'BatchFetch':
      return compileBatchFetch(node, context)
    case 'Subscription':
      return () => {} // its event has been merged before the plan runs
    case 'Flatten':
      if (node.node.kind !== 'Fetch') return compilePlan(node.node, context)
      return node.node.requires?.length
        ? compileEntityFetch(node.node, node.path, context)
        : compileNestedRootFetch(node.node, node.path, context)
    case 'Sequence':
      return inSequence(node.nodes.map(inner => compilePlan(inner, context)))
    case 'Parallel':
      return inParallel(node.nodes.map(inner => compilePlan(inner, context)))
    case 'Condition': {
      const yes = compilePlan(node.ifClause, context)
      const no = compilePlan(node.elseClause, context)
      return execution => (execution.variables[node.condition] === true ? yes(execution) : no(execution))
    }
  }
}

/** Compiles the request of the plan's subscription. Returns undefined for any other plan. */
export function compileSubscription(
  node: PlanNode | undefined,
  context: PlanContext,
): RootRequest | undefined {
  if (node?.kind === 'Subscription') return compileRootRequest(node.primary, context)
  return node?.kind === 'Sequence' ? compileSubscription(node.nodes[0], context) : undefined
}

function inSequence(steps: readonly Step[]): Step {
  const [only] = steps
  if (only && steps.length === 1) return only
  return async execution => {
    for (const step of steps) await step(execution)
  }
}

function inParallel(steps: readonly Step[]): Step {
  const [only] = steps
  if (only && steps.length === 1) return only
  return async execution => {
    const running = steps.map(step => step(execution)).filter(started => started !== undefined)
    if (running.length > 0) await Promise.all(running)
  }
}
