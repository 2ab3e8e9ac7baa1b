// Hive's native planner in a process of its own: what it trips over ends this process, and not the gateway. Free of requests.
import { QueryPlanner } from '@graphql-hive/router-query-planner'
import type { PlanNode } from '#gateway/planner/plan/query-plan.ts'
import { rolloutShare, servePlanner } from '#gateway/planner/planner-worker.ts'

/** A label that is no percentage is for somebody else to decide: it moves nothing. */
const NO_LABELS = new Set<string>()

servePlanner(sdl => {
  const planner = new QueryPlanner(sdl)
  return {
    plan(text, operationName) {
      const { node } = planner.plan(text, operationName, NO_LABELS, rolloutShare(text))
      return (node ?? undefined) as PlanNode | undefined
    },
  }
})
