// Plans operations in planner processes, which may crash or take too long without harm to the gateway.
import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import {
  createPlannerProcess,
  PlannerCrashed,
  type PlannerProcess,
} from '#gateway/planner/planner-process.ts'
import type { PlanResult } from '#gateway/planner/planner-worker.ts'

/**
 * Plans a valid operation, or says why there is no plan: the planner crashed on it, say, or took longer than ten seconds.
 * Other operations are planned all the same. An operation on which it crashed twice is not tried again. Rejects with
 * UNAVAILABLE when a thousand others are pending already.
 */
type PlanOperation = (text: string, operationName: string | undefined) => Promise<PlanResult>

export type Planner = AsyncDisposable & {
  /** Uses Hive's planner, whose plans ask the least of subgraphs. */
  readonly planWithHive: PlanOperation
  /** Uses Apollo's planner, which is started when the first operation needs it. */
  readonly planWithApollo: PlanOperation
}

const HIVE = new URL('./hive-worker.ts', import.meta.url)
const APOLLO = new URL('./apollo-worker.ts', import.meta.url)
/** Each crash costs a start of the process. */
const MAX_CRASHES = 2
const MAX_REMEMBERED = 10_000

/** Rejects when Hive's planner cannot read the supergraph. */
export async function startPlanner(sdl: string): Promise<Planner> {
  const hive = createPlannerProcess(HIVE, sdl)
  const apollo = createPlannerProcess(APOLLO, sdl)
  const read = await hive.start()
  if ('refusal' in read) {
    hive.close()
    throw new Error(read.refusal)
  }
  return {
    planWithHive: planWith(hive),
    planWithApollo: planWith(apollo),
    async [Symbol.asyncDispose]() {
      hive.close()
      apollo.close()
    },
  }
}

function planWith({ request }: PlannerProcess): PlanOperation {
  const crashes = new LRUCache<string, number>({ max: MAX_REMEMBERED })
  return async (text, operationName) => {
    const key = createHash('sha256').update(`${operationName} ${text}`).digest('base64')
    const before = crashes.get(key) ?? 0
    if (before >= MAX_CRASHES) return { refusal: new PlannerCrashed('plan').message }
    try {
      const result = await request({ kind: 'plan', text, operationName })
      if ('refusal' in result) return result
      const { node, flaw, deferred } = result
      return { node, flaw, ...(deferred && { deferred }) } // JSON has no undefined
    } catch (error) {
      if (!(error instanceof PlannerCrashed)) throw error
      crashes.set(key, before + 1)
      return { refusal: error.message }
    }
  }
}
