// The ways to subgraphs' subscriptions, by protocol, and what they stand on. Free of what is followed.
import { Agent } from 'undici'
import { connectStreams } from '#gateway/subscriptions/upstream/upstream.sse.ts'
import type { Connect, UpstreamEndpoint, UpstreamLimits } from '#gateway/subscriptions/upstream/upstream.ts'
import { connectSockets } from '#gateway/subscriptions/upstream/upstream.websocket.ts'

export type Upstreams = AsyncDisposable & {
  connect(protocol: UpstreamEndpoint['protocol']): Connect
}

/** Disposing cuts what is followed. */
export function openUpstreams(limits: UpstreamLimits): Upstreams {
  // An event may be long in coming.
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
