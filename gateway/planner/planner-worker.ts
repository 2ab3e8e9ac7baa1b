// Serves a planner in a process of its own: it plans and verifies the operations that the gateway sends, one by one.
import { createHash } from 'node:crypto'
import { parse } from 'graphql'
import { type VerifiedParts, verifyParts } from '#gateway/planner/check/part-verification.ts'
import { createPlanVerifier } from '#gateway/planner/check/plan-verification.ts'
import type { DeferredPlan, PlanNode } from '#gateway/planner/plan/query-plan.ts'

/** The first message is the supergraph; the others are responded to one by one, in the order in which they came. */
export type PlannerRequest =
  | { readonly kind: 'supergraph'; readonly sdl: string }
  | { readonly kind: 'plan'; readonly text: string; readonly operationName: string | undefined }

/** Refused when the supergraph cannot be read, or the operation cannot be planned. A supergraph that was read has no node. */
export type PlanResult = VerifiedParts | { readonly refusal: string }

/** Plans an operation. Throws an Error that says why there is no plan. */
type PlanText = (
  text: string,
  operationName: string | undefined,
) => { readonly node: PlanNode | undefined; readonly deferred?: readonly DeferredPlan[] }

type Planning = { readonly plan: PlanText; readonly verify: ReturnType<typeof createPlanVerifier> }

/** Serves until the channel to the gateway closes. `read` throws an Error that says what is wrong with a supergraph. */
export function servePlanner(read: (sdl: string) => PlanText): void {
  let planning: Planning | undefined
  let refusal = 'there is no supergraph yet'

  function respond(request: PlannerRequest): PlanResult {
    try {
      if (request.kind === 'supergraph') {
        planning = { plan: read(request.sdl), verify: createPlanVerifier(request.sdl) }
        return { node: undefined, flaw: undefined }
      }
      if (!planning) return { refusal }
      const { node, deferred } = planning.plan(request.text, request.operationName)
      const document = parse(request.text, { noLocation: true })
      return deferred
        ? verifyParts({ node, deferred }, document, planning.verify)
        : planning.verify(node, document)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (request.kind === 'supergraph') refusal = reason
      return { refusal: reason }
    }
  }

  process.on('message', (request: PlannerRequest) => void process.send?.(respond(request)))
  // A signal to the process group is for the gateway, which still plans while it drains. This process ends with its channel.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
}

/**
 * Returns a number from 0 to 100, the same for the same text. `@override(label: "percent(5)")` moves a field for about five
 * of a hundred operations, and keeps it moved for these when the percentage grows.
 */
export function rolloutShare(text: string): number {
  return (createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32) * 100
}
