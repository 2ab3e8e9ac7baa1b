// The plan that is carried out for what a planner made: as it is, or mended, if it stands the check. Pure.
import { type DocumentNode, parse } from 'graphql'
import { uncovered } from '#gateway/planner/check/coverage.ts'
import { type FederatedTypes, readFederatedTypes } from '#gateway/planner/check/federated-types.ts'
import { withWholeInterfaces } from '#gateway/planner/check/interface-repair.ts'
import { withKeysOfAll, withRequirementsApart } from '#gateway/planner/check/plan-repairs.ts'
import { createPlanCheck } from '#gateway/planner/check/request-check.ts'
import type { PlanNode } from '#gateway/planner/plan/query-plan.ts'

/** `doubt` is why the plan may be wrong, whichever way it is mended. */
export type Settled = { readonly node: PlanNode | undefined; readonly doubt: string | undefined }

/** Settles plans for operations in the plain form. The supergraph is read when the first of them comes. */
export function createSettle(sdl: string): (plan: PlanNode | undefined, document: DocumentNode) => Settled {
  const checkRequests = createPlanCheck(sdl)
  let types: FederatedTypes | undefined

  return (plan, document) => {
    types ??= readFederatedTypes(parse(sdl, { noLocation: true }))
    const doubtOf = (node: PlanNode | undefined, known: FederatedTypes) =>
      (node && checkRequests(node)) ?? uncovered(document, node, known)
    const doubt = doubtOf(plan, types)
    if (doubt === undefined || plan === undefined) return { node: plan, doubt }
    for (const node of mended(plan, types))
      if (doubtOf(node, types) === undefined) return { node, doubt: undefined }
    return { node: plan, doubt }
  }
}

function* mended(plan: PlanNode, types: FederatedTypes): Generator<PlanNode> {
  for (const one of [plan, withWholeInterfaces(plan)]) {
    if (one !== plan) yield one
    yield withRequirementsApart(one, types)
    yield withKeysOfAll(one, types)
    yield withRequirementsApart(withKeysOfAll(one, types), types)
  }
}
