// The native planner in a process of its own: what it trips over ends this process, and not the gateway. Free of requests.
import { QueryPlanner } from '@graphql-hive/router-query-planner'
import type { FromPlanner, ToPlanner } from '#gateway/planner/messages.ts'

let planner: QueryPlanner | undefined

function answer(message: ToPlanner): FromPlanner {
  try {
    if (message.kind === 'supergraph') {
      planner = new QueryPlanner(message.sdl)
      return { kind: 'ready', publicSchema: planner.consumerSchema }
    }
    if (!planner) return { kind: 'refused', reason: 'there is no supergraph yet' }
    return { kind: 'planned', node: planner.plan(message.text, message.operationName, new Set(), 0).node }
  } catch (error) {
    return { kind: 'refused', reason: error instanceof Error ? error.message : String(error) }
  }
}

process.on('message', (message: ToPlanner) => void process.send?.(answer(message)))
// A signal to the whole group is for the gateway, which plans on while it drains. This process ends with its channel.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
