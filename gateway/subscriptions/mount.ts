// Mounts the gateway's subscriptions on an HTTP server: WebSocket, event streams and multipart responses.
import { Agent } from 'undici'
import type { CurrentGraph } from '#gateway/graph/current-graph.ts'
import type { Admission } from '#gateway/pipeline/admission.ts'
import { createEngine } from '#gateway/subscriptions/engine.ts'
import { createMultipart, type ServeMultipart } from '#gateway/subscriptions/multipart.ts'
import type { SubscriptionSettings } from '#gateway/subscriptions/settings.ts'
import { connectStreams } from '#gateway/subscriptions/upstream/upstream.sse.ts'
import { connectSockets } from '#gateway/subscriptions/upstream/upstream.websocket.ts'
import type { Verifier } from '#platform/auth/verifier.ts'
import type { PersistedOperations } from '#platform/graphql/endpoint/persisted-operations.ts'
import { mountLive } from '#platform/graphql/live-server/live-server.ts'
import type { HttpServer } from '#platform/http/server.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type SubscriptionOptions = {
  readonly verifier?: Verifier
  readonly current: CurrentGraph
  readonly admission: Admission
  readonly persisted: PersistedOperations
  readonly settings: SubscriptionSettings
  /** Returns the addresses of a subgraph that has several instances; undefined for one that has the graph's address. */
  readonly instancesOf: (name: string) => readonly string[] | undefined
  readonly logger: Logger
}

/**
 * Serves graphql-transport-ws at /graphql and event streams at /graphql/stream, queries and mutations included. The endpoint
 * at /graphql is to call the returned `serveMultipart`. Mount before `http.listen`; dispose after the server has closed.
 */
export function mountSubscriptions(
  http: HttpServer,
  options: SubscriptionOptions,
): AsyncDisposable & { readonly serveMultipart: ServeMultipart } {
  const { settings, verifier, ...rest } = options
  const { connections, connectionsPerSubject, connectMs } = settings
  // The next event may take any time: event streams have no body timeout.
  const agent = new Agent({ bodyTimeout: 0, headersTimeout: connectMs, connectTimeout: connectMs })
  const upstreams = { ws: connectSockets(settings), sse: connectStreams(agent, settings) }
  const engine = createEngine({ ...rest, settings, service: http.name, upstreams })
  const streams = mountLive(http, engine, {
    connections,
    connectionsPerSubject,
    ...(verifier && { verifier }),
  })
  return {
    serveMultipart: createMultipart(options.current, streams, options.persisted),
    /** Closes event streams; each WebSocket closes with its subscription. */
    async [Symbol.asyncDispose]() {
      engine[Symbol.dispose]()
      await agent.destroy()
    },
  }
}
