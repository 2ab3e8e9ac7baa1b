// A query plan into closures: what runs after what, and what side by side. Free of what a fetch does.
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

export function compilePlan(node: PlanNode | null | undefined, known: PlanContext): Step {
  if (!node) return () => {}
  switch (node.kind) {
    case 'Fetch':
      return node.requires?.length ? compileEntityFetch(node, [], known) : compileRootFetch(node, known)
    case 'BatchFetch':
      return compileBatchFetch(node, known)
    case 'Subscription':
      return () => {} // what it fetched has come before the plan runs
    case 'Flatten':
      if (node.node.kind !== 'Fetch') return compilePlan(node.node, known)
      return node.node.requires?.length
        ? compileEntityFetch(node.node, node.path, known)
        : compileNestedRootFetch(node.node, node.path, known)
    case 'Sequence':
      return inSequence(node.nodes.map(inner => compilePlan(inner, known)))
    case 'Parallel':
      return inParallel(node.nodes.map(inner => compilePlan(inner, known)))
    case 'Condition': {
      const yes = compilePlan(node.ifClause, known)
      const no = compilePlan(node.elseClause, known)
      return execution => (execution.variables[node.condition] === true ? yes(execution) : no(execution))
    }
  }
}

/** The plan's subscription, compiled; undefined for any other plan. */
export function compileSubscription(node: PlanNode | undefined, known: PlanContext): RootRequest | undefined {
  if (node?.kind === 'Subscription') return compileRootRequest(node.primary, known)
  return node?.kind === 'Sequence' ? compileSubscription(node.nodes[0], known) : undefined
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
