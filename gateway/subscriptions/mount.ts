// Subscriptions at the gateway: its engine on live connections over WebSocket, event streams and multipart answers.
import type { CurrentGraph } from '#gateway/graph/current-graph.ts'
import type { Admission } from '#gateway/pipeline/admission.ts'
import { createEngine } from '#gateway/subscriptions/engine.ts'
import { createMultipart, type ServeMultipart } from '#gateway/subscriptions/multipart.ts'
import type { SubscriptionSettings } from '#gateway/subscriptions/settings.ts'
import { openUpstreams } from '#gateway/subscriptions/upstream/upstreams.ts'
import type { Verifier } from '#platform/auth/verifier.ts'
import type { PersistedOperations } from '#platform/graphql/endpoint/persisted-operations.ts'
import { mountLive } from '#platform/graphql/live-server/live-server.ts'
import type { HttpServer } from '#platform/http/server.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type SubscriptionOptions = {
  readonly verifier?: Verifier
  readonly current: CurrentGraph
  /** Whether an operation may be run; every one when left out. */
  readonly admission?: Admission | undefined
  /** Operations that may be named by a hash; none when left out. */
  readonly persisted?: PersistedOperations | undefined
  readonly settings: SubscriptionSettings
  /** Where a subgraph has several addresses; undefined where it has the one of the graph. */
  readonly instancesOf: (name: string) => readonly string[] | undefined
  readonly logger: Logger
  /** `/graphql` when left out. */
  readonly path?: string
}

/**
 * WebSocket at `path` (graphql-transport-ws), event streams at `path`/stream; queries and mutations run there as well.
 * What is returned answers subscriptions in parts, for the endpoint at `path`.
 * Mount before `http.listen`; dispose after it has closed.
 */
export function mountSubscriptions(
  http: HttpServer,
  options: SubscriptionOptions,
): AsyncDisposable & { readonly answerInParts: ServeMultipart } {
  const { settings, verifier, ...rest } = options
  const { connections, connectionsPerSubject } = settings
  const upstreams = openUpstreams(settings)
  const engine = createEngine({ ...rest, settings, service: http.name, connect: upstreams.connect })
  const streams = mountLive(http, engine, {
    logger: options.logger,
    connections,
    connectionsPerSubject,
    ...(verifier && { verifier }),
    ...(options.path !== undefined && { path: options.path }),
  })
  return {
    answerInParts: createMultipart(options.current, streams, options.persisted),
    async [Symbol.asyncDispose]() {
      engine[Symbol.dispose]()
      await upstreams[Symbol.asyncDispose]()
    },
  }
}
