// Serves a schema over HTTP and WebSocket as a service does, with tokens of a fresh issuer and the log kept in memory.
import type { GraphQLSchema } from 'graphql'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { createVerifier } from '#platform/auth/verifier.ts'
import type { Role } from '#platform/auth/viewer.ts'
import { type GraphqlOptions, mountGraphql } from '#platform/graphql/endpoint/endpoint.ts'
import { type LiveOptions, mountLiveGraphql } from '#platform/graphql/live-server/live-server.ts'
import { createHttpServer, type HttpServer } from '#platform/http/server.ts'
import { postJson } from '#test/fixtures/http-server.ts'
import { temporaryFolder } from '../auth/temporary-folder.ts'
import { recordingLogger } from '../telemetry/recording-logger.ts'

export type ServeOptions = Partial<GraphqlOptions> & {
  readonly live?: Partial<LiveOptions>
  /** Mounts what is served beside the graph. */
  readonly mount?: (http: HttpServer) => void
}

/** Batches are accepted from everybody unless `options` say otherwise. */
export async function serveSchema(
  name: string,
  schema: GraphQLSchema,
  { live, mount, ...options }: ServeOptions = {},
) {
  await using open = new AsyncDisposableStack()
  const folder = open.use(await temporaryFolder())
  const issuer = await openEmbeddedIssuer(folder.path)
  const recording = recordingLogger()
  const http = createHttpServer({ name, logger: recording.logger })
  const base = { schema, verifier: createVerifier(issuer), development: false }
  open.use(await mountGraphql(http, { batchesFrom: 'everybody', ...base, ...options }))
  mountLiveGraphql(http, { ...base, ...live })
  mount?.(http)
  open.use(http)
  const { url, port } = await http.listen({ host: '127.0.0.1', port: 0 })
  const running = open.move()
  return {
    ...recording,
    http,
    port,
    /** Without a path. */
    root: url,
    url: `${url}/graphql`,
    liveUrl: `${url.replace('http', 'ws')}/graphql`,
    streamUrl: `${url}/graphql/stream`,
    token: (role: Role, subject: string, ttlSeconds = 600) => issuer.sign({ role, subject, ttlSeconds }),
    post: (body: unknown, headers?: Record<string, string>) => postJson(`${url}/graphql`, body, headers),
    metrics: async () => (await fetch(`${url}/metrics`)).text(),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
