// A subgraph put together as its settings say: what is not set is not there, and costs nothing.
import { openConnection } from '#gateway/transport/connection.ts'
import { compileHeaderRules } from '#gateway/transport/header-rules.ts'
import type { SubgraphSettings } from '#gateway/transport/settings.ts'
import { createSubgraph, type Subgraph } from '#gateway/transport/subgraph.ts'
import { createPolicy } from '#platform/resilience/policy.ts'

/** `url` must be one. */
export function connectSubgraph(name: string, url: string, settings: SubgraphSettings): Subgraph {
  return createSubgraph({
    name,
    rule: compileHeaderRules(settings.headers),
    connection: openConnection({ url, ...settings }),
    policy: createPolicy({
      name: `subgraph-${name}`,
      timeoutMs: settings.timeoutMs,
      retries: settings.retries,
      retriesTimeouts: false,
      concurrency: settings.concurrency,
      queue: settings.queue,
      breaker: breakerOf(settings),
    }),
  })
}

function breakerOf({ breaker = {} }: SubgraphSettings) {
  return Object.fromEntries(Object.entries(breaker).filter(([, value]) => value !== undefined))
}
