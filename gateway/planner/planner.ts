// Plans operations in planner processes, which may crash or take too long without harm to the gateway.
import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { PlanNode } from '#gateway/planner/plan/query-plan.ts'
import { PlannerCrashed, type PlannerProcess, startPlannerProcess } from '#gateway/planner/planner-process.ts'

/** `node` is undefined when no subgraph is to be asked; `flaw` is why the plan may be wrong. */
type PlanResult =
  | { readonly node: PlanNode | undefined; readonly flaw?: string | undefined }
  | { readonly refusal: string }

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
  const hive = startPlannerProcess(HIVE, sdl)
  const ready = await hive.ready
  if (ready.kind !== 'ready') {
    hive.close()
    throw new Error(ready.kind === 'refused' ? ready.reason : 'the planner did not accept the supergraph')
  }
  let apollo: PlannerProcess | undefined
  let closed = false

  function apolloProcess(): PlannerProcess {
    if (closed) throw new Error('the planner is closed')
    if (apollo) return apollo
    apollo = startPlannerProcess(APOLLO, sdl)
    apollo.ready.catch(() => {}) // each request gets the same refusal
    return apollo
  }

  return {
    planWithHive: planWith(() => hive),
    planWithApollo: planWith(apolloProcess),
    async [Symbol.asyncDispose]() {
      closed = true
      hive.close()
      apollo?.close()
    },
  }
}

function planWith(processNow: () => PlannerProcess): PlanOperation {
  const crashes = new LRUCache<string, number>({ max: MAX_REMEMBERED })
  return async (text, operationName) => {
    const key = createHash('sha256').update(`${operationName} ${text}`).digest('base64')
    const before = crashes.get(key) ?? 0
    if (before >= MAX_CRASHES) return { refusal: new PlannerCrashed('plan').message }
    try {
      const response = await processNow().request({ kind: 'plan', text, operationName })
      if (response.kind === 'planned')
        return { node: (response.node ?? undefined) as PlanNode | undefined, flaw: response.flaw }
      return { refusal: response.kind === 'refused' ? response.reason : 'the planner gave no plan' }
    } catch (error) {
      if (!(error instanceof PlannerCrashed)) throw error
      crashes.set(key, before + 1)
      return { refusal: error.message }
    }
  }
}
