// The native planner in a process of its own: what it trips over ends this process, and not the gateway. Free of requests.
import { createHash } from 'node:crypto'
import { QueryPlanner } from '@graphql-hive/router-query-planner'
import type { FromPlanner, ToPlanner } from '#gateway/planner/messages.ts'

/** A label that is no percentage is for somebody else to decide: it moves nothing. */
const NO_LABELS = new Set<string>()

let planner: QueryPlanner | undefined

function answer(message: ToPlanner): FromPlanner {
  try {
    if (message.kind === 'supergraph') {
      planner = new QueryPlanner(message.sdl)
      return { kind: 'ready', publicSchema: planner.consumerSchema }
    }
    if (!planner) return { kind: 'refused', reason: 'there is no supergraph yet' }
    const { text, operationName } = message
    return { kind: 'planned', node: planner.plan(text, operationName, NO_LABELS, shareOf(text)).node }
  } catch (error) {
    return { kind: 'refused', reason: error instanceof Error ? error.message : String(error) }
  }
}

/**
 * From 0 to 100, the same for the same text: `@override(label: "percent(5)")` moves a field for about five of a hundred
 * operations, and for those that it has moved still does so when the percentage grows.
 */
function shareOf(text: string): number {
  return (createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32) * 100
}

process.on('message', (message: ToPlanner) => void process.send?.(answer(message)))
// A signal to the whole group is for the gateway, which plans on while it drains. This process ends with its channel.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
