// The plan that is carried out for what a planner made: as it is, or mended, if it stands the check. Pure.
import { type DocumentNode, parse } from 'graphql'
import { findUncovered } from '#gateway/planner/check/coverage.ts'
import { type FederatedTypes, readFederatedTypes } from '#gateway/planner/check/federated-types.ts'
import { widenToInterfaces } from '#gateway/planner/check/interface-repair.ts'
import { shareKeys, splitByRequirements } from '#gateway/planner/check/plan-repairs.ts'
import { createRequestCheck } from '#gateway/planner/check/request-check.ts'
import type { PlanNode } from '#gateway/planner/plan/query-plan.ts'

/** `flaw` is why the plan may be wrong, whichever way it is mended. */
export type VerifiedPlan = { readonly node: PlanNode | undefined; readonly flaw: string | undefined }

/** Settles plans for operations in the plain form. The supergraph is read when the first of them comes. */
export function createPlanVerifier(
  sdl: string,
): (plan: PlanNode | undefined, document: DocumentNode) => VerifiedPlan {
  const checkRequests = createRequestCheck(sdl)
  let types: FederatedTypes | undefined

  return (plan, document) => {
    types ??= readFederatedTypes(parse(sdl, { noLocation: true }))
    const flawIn = (node: PlanNode | undefined, known: FederatedTypes) =>
      (node && checkRequests(node)) ?? findUncovered(document, node, known)
    const flaw = flawIn(plan, types)
    if (flaw === undefined || plan === undefined) return { node: plan, flaw }
    for (const node of mended(plan, types))
      if (flawIn(node, types) === undefined) return { node, flaw: undefined }
    return { node: plan, flaw }
  }
}

function* mended(plan: PlanNode, types: FederatedTypes): Generator<PlanNode> {
  for (const one of [plan, widenToInterfaces(plan)]) {
    if (one !== plan) yield one
    yield splitByRequirements(one, types)
    yield shareKeys(one, types)
    yield splitByRequirements(shareKeys(one, types), types)
  }
}
