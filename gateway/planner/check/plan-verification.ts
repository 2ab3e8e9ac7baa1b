// Verifies a planner's plan against its operation, and repairs it where it is wrong and can be mended.
import { type DocumentNode, parse } from 'graphql'
import { findUncovered } from '#gateway/planner/check/coverage.ts'
import { type FederatedTypes, readFederatedTypes } from '#gateway/planner/check/federated-types.ts'
import { repairedPlans } from '#gateway/planner/check/plan-repairs.ts'
import { findRequestFlaw } from '#gateway/planner/check/request-check.ts'
import type { PlanNode } from '#gateway/planner/plan/query-plan.ts'

/** `node` is undefined when no subgraph is to be asked; `flaw` is why the plan may be wrong, whichever way it is repaired. */
export type VerifiedPlan = { readonly node: PlanNode | undefined; readonly flaw: string | undefined }

/** Verifies plans of normalized operations. The supergraph is read when the first plan comes. */
export function createPlanVerifier(
  sdl: string,
): (plan: PlanNode | undefined, document: DocumentNode) => VerifiedPlan {
  let types: FederatedTypes | undefined
  return (plan, document) => {
    types ??= readFederatedTypes(parse(sdl, { noLocation: true }))
    return verify(plan, document, types)
  }
}

function verify(plan: PlanNode | undefined, document: DocumentNode, types: FederatedTypes): VerifiedPlan {
  const findFlaw = (node: PlanNode | undefined) =>
    (node && findRequestFlaw(node, types)) ?? findUncovered(document, node, types)
  const flaw = findFlaw(plan)
  if (flaw === undefined || plan === undefined) return { node: plan, flaw }
  for (const node of repairedPlans(plan, types))
    if (findFlaw(node) === undefined) return { node, flaw: undefined }
  return { node: plan, flaw }
}
