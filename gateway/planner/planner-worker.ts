// The process that a planner runs in: answers what its gateway asks, one after the other. Free of any planner.
import { createHash } from 'node:crypto'
import { parse } from 'graphql'
import { createPlanVerifier } from '#gateway/planner/check/plan-verification.ts'
import type { PlannerRequest, PlannerResponse } from '#gateway/planner/messages.ts'
import type { PlanNode } from '#gateway/planner/plan/query-plan.ts'

/** What a planner makes of a supergraph. */
export type ReadSupergraph = {
  /** Throws an Error that says why there is no plan. */
  readonly plan: (text: string, operationName: string | undefined) => PlanNode | undefined
}

/** `read` throws an Error that says what is wrong with a supergraph. */
export function servePlanner(read: (sdl: string) => ReadSupergraph): void {
  let supergraph: ReadSupergraph | undefined
  let settle: ReturnType<typeof createPlanVerifier> | undefined
  let refusal = 'there is no supergraph yet'

  function answer(message: PlannerRequest): PlannerResponse {
    try {
      if (message.kind === 'supergraph') {
        supergraph = read(message.sdl)
        settle = createPlanVerifier(message.sdl)
        return { kind: 'ready' }
      }
      if (!supergraph || !settle) return { kind: 'refused', reason: refusal }
      const plan = supergraph.plan(message.text, message.operationName)
      return { kind: 'planned', ...settle(plan, parse(message.text, { noLocation: true })) }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (message.kind === 'supergraph') refusal = reason
      return { kind: 'refused', reason }
    }
  }

  process.on('message', (message: PlannerRequest) => void process.send?.(answer(message)))
  // A signal to the whole group is for the gateway, which plans on while it drains. This process ends with its channel.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
}

/**
 * From 0 to 100, the same for the same text: `@override(label: "percent(5)")` moves a field for about five of a hundred
 * operations, and for those that it has moved still does so when the percentage grows.
 */
export function rolloutShare(text: string): number {
  return (createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32) * 100
}
