// Opens the adapters to subgraphs' subscriptions, one for each protocol.
import { Agent } from 'undici'
import { connectStreams } from '#gateway/subscriptions/upstream/upstream.sse.ts'
import type { Connect, UpstreamEndpoint, UpstreamLimits } from '#gateway/subscriptions/upstream/upstream.ts'
import { connectSockets } from '#gateway/subscriptions/upstream/upstream.websocket.ts'

type Upstreams = AsyncDisposable & {
  connect(protocol: UpstreamEndpoint['protocol']): Connect
}

/** Disposing closes the event streams; each WebSocket closes with its subscription. */
export function openUpstreams(limits: UpstreamLimits): Upstreams {
  // The next event may take any time: event streams have no body timeout.
  const agent = new Agent({
    bodyTimeout: 0,
    headersTimeout: limits.connectMs,
    connectTimeout: limits.connectMs,
  })
  const byProtocol = { ws: connectSockets(limits), sse: connectStreams(agent, limits) }
  return {
    connect: protocol => byProtocol[protocol],
    [Symbol.asyncDispose]: () => agent.destroy(),
  }
}
