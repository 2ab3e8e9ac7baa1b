// Connects to one subgraph as the gateway does, for tests of the transport without a gateway.
import { afterAll, beforeEach } from 'vitest'
import { readSettings, settingsOf } from '#gateway/settings.ts'
import { connectSubgraph } from '#gateway/transport/connect.ts'
import type { ForwardedHeaders } from '#gateway/transport/header-rules.ts'
import type { Subgraph } from '#gateway/transport/subgraph.ts'
import { type FaultySubgraph, startFaultySubgraph } from '../faulty-subgraph.ts'

/** Starts a subgraph for all tests of a file. Each test begins without recorded requests. */
export async function sharedFaultySubgraph(): Promise<FaultySubgraph> {
  const faulty = await startFaultySubgraph()
  afterAll(() => faulty[Symbol.asyncDispose]())
  beforeEach(() => {
    faulty.requests.length = 0
  })
  return faulty
}

/** Connects to the subgraph `reviews` at `url`, with the `settings` of a settings file. */
export function connectTo(url: string, settings: object = {}): Subgraph {
  return connectSubgraph(
    { name: 'reviews', address: url },
    settingsOf(readSettings({ everySubgraph: settings }), 'reviews'),
  )
}

export const NOBODY: ForwardedHeaders = { shared: {}, own: {}, key: '', incoming: {} }

/** Returns the request headers of a client that sent `incoming`. */
export const from = (incoming: Record<string, string>): ForwardedHeaders => ({ ...NOBODY, incoming })

const QUERY = '{ newestQuote }'

/** Returns a query; different `variables` make it a different query. */
export function query(variables: object = {}) {
  const body = JSON.stringify({ query: QUERY, variables })
  return { service: 'reviews', kind: 'query', operation: QUERY, body } as const
}
