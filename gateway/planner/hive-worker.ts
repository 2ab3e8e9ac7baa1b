// Runs Hive's native planner in a process of its own, so that a crash of it does not end the gateway.
import { QueryPlanner } from '@graphql-hive/router-query-planner'
import type { PlanNode } from '#gateway/planner/plan/query-plan.ts'
import { rolloutShare, servePlanner } from '#gateway/planner/planner-worker.ts'

/** Labels of @override that are no percentage are not supported: they move nothing. */
const NO_LABELS = new Set<string>()

servePlanner(sdl => {
  const planner = new QueryPlanner(sdl)
  return (text, operationName) => {
    const { node } = planner.plan(text, operationName, NO_LABELS, rolloutShare(text))
    return { node: (node ?? undefined) as PlanNode | undefined }
  }
})
