// Plans operations in processes of their own, which may break or take too long without harm to anybody else. Free of requests.
import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { PlanNode } from '#gateway/planner/plan/query-plan.ts'
import { PlannerCrashed, type PlannerProcess, startPlannerProcess } from '#gateway/planner/planner-process.ts'

/** `node` is undefined when no subgraph is to be asked; `flaw` is why the plan may be wrong. */
export type PlanResult =
  | { readonly node: PlanNode | undefined; readonly flaw?: string | undefined }
  | { readonly refusal: string }

/**
 * Plans a valid operation, or says why there is no plan: the planner breaks on it, say, or takes longer than ten seconds.
 * Then other operations are planned all the same. One that it broke on twice is not tried again. Rejects with
 * UNAVAILABLE when a thousand others wait already.
 */
export type PlanOperation = (text: string, operationName: string | undefined) => Promise<PlanResult>

export type Planner = AsyncDisposable & {
  /** By Hive's planner, which asks the least of subgraphs. */
  readonly planWithHive: PlanOperation
  /** By Apollo's, which is started when the first operation needs it. */
  readonly planWithApollo: PlanOperation
}

const HIVE = new URL('./hive-worker.ts', import.meta.url)
const APOLLO = new URL('./apollo-worker.ts', import.meta.url)
/** Each costs a start of the process. */
const MAX_BREAKS = 2
const MAX_BROKEN = 10_000
const CLOSED = 'the planner is closed'

/** Rejects when Hive's planner cannot read the supergraph. */
export async function startPlanner(sdl: string): Promise<Planner> {
  const hive = startPlannerProcess(HIVE, { kind: 'supergraph', sdl })
  const ready = await hive.opened
  if (ready.kind !== 'ready') {
    hive.close()
    throw new Error(ready.kind === 'refused' ? ready.reason : 'the planner does not take it')
  }
  let apollo: PlannerProcess | undefined
  let closed = false

  function opened(): PlannerProcess {
    if (closed) throw new Error(CLOSED)
    if (apollo) return apollo
    apollo = startPlannerProcess(APOLLO, { kind: 'supergraph', sdl })
    apollo.opened.catch(() => {}) // told again to each who asks
    return apollo
  }

  return {
    planWithHive: planWith(async () => hive),
    planWithApollo: planWith(async () => opened()),
    async [Symbol.asyncDispose]() {
      closed = true
      hive.close()
      apollo?.close()
    },
  }
}

function planWith(conversation: () => Promise<PlannerProcess>): PlanOperation {
  const broken = new LRUCache<string, number>({ max: MAX_BROKEN })
  return async (text, operationName) => {
    const key = createHash('sha256').update(`${operationName} ${text}`).digest('base64')
    const breaks = broken.get(key) ?? 0
    if (breaks >= MAX_BREAKS) return { refusal: new PlannerCrashed('operation').message }
    try {
      const { ask } = await conversation()
      const answer = await ask({ kind: 'plan', text, operationName })
      if (answer.kind === 'planned')
        return { node: (answer.node ?? undefined) as PlanNode | undefined, flaw: answer.flaw }
      return { refusal: answer.kind === 'refused' ? answer.reason : 'the planner gave no plan' }
    } catch (error) {
      if (!(error instanceof PlannerCrashed)) throw error
      broken.set(key, breaks + 1)
      return { refusal: error.message }
    }
  }
}
