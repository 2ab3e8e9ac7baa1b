// One subgraph as the gateway is connected to it, without the gateway: what tests of the way to subgraphs stand on.
import { readSettings, settingsOf } from '#gateway/settings.ts'
import { connectSubgraph } from '#gateway/transport/connect.ts'
import type { ForwardedHeaders } from '#gateway/transport/header-rules.ts'
import type { Subgraph } from '#gateway/transport/subgraph.ts'

/** `settings` as in the file, for the subgraph called `reviews` at `url`. */
export function connectTo(url: string, settings: object = {}): Subgraph {
  return connectSubgraph('reviews', url, settingsOf(readSettings({ everySubgraph: settings }), 'reviews'))
}

export const NOBODY: ForwardedHeaders = { shared: {}, own: {}, key: '', incoming: {} }

/** In the name of a client that sent `incoming`. */
export const from = (incoming: Record<string, string>): ForwardedHeaders => ({ ...NOBODY, incoming })

const QUERY = '{ newestQuote }'

/** A query; `variables` make it another one than others under way. */
export function query(variables: object = {}) {
  const body = JSON.stringify({ query: QUERY, variables })
  return { service: 'reviews', kind: 'query', operation: QUERY, body } as const
}
