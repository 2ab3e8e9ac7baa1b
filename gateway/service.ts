// The gateway as a service: loads the supergraph, connects its subgraphs, serves the public graph.
import { readFile } from 'node:fs/promises'
import type { GatewayConfig } from '#gateway/config.ts'
import { createCurrentGraph } from '#gateway/current-graph.ts'
import { mountGateway } from '#gateway/endpoint.ts'
import { openGraph } from '#gateway/graph.ts'
import { createVerifier } from '#platform/auth/verifier.ts'
import { followLogLevel } from '#platform/config/live-log-level.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { mountExamples } from '#platform/graphql/explorer-examples.ts'
import { createHttpServer, type HttpServer } from '#platform/http/server.ts'
import type { RunningService } from '#platform/subgraph/subgraph.ts'
import { inService } from '#platform/telemetry/tracing.ts'

/** Throws OperatorError SUPERGRAPH_INVALID when the supergraph cannot be read or served. */
export function startGateway(config: GatewayConfig): Promise<RunningService> {
  return inService('gateway', () => start(config))
}

async function start(config: GatewayConfig): Promise<RunningService> {
  const { auth, development, logger, settings } = config
  await using open = new AsyncDisposableStack()
  open.use(await followLogLevel(config))
  const graph = openGraph(await readSupergraphFile(config.supergraph), {
    settings,
    from: config.supergraph.pathname,
    subgraphUrls: config.subgraphUrls,
    introspection: settings.introspection ?? development,
  })
  const current = open.use(createCurrentGraph(graph))
  const http = createHttpServer({ name: 'gateway', logger })
  mountGateway(http, {
    current,
    logger,
    development,
    batch: settings.limits.batch,
    ...(auth && { verifier: createVerifier(auth) }),
  })
  if (development && auth)
    mountExamples(http, {
      title: 'Waybill gateway',
      folder: new URL('../clients/gateway/', import.meta.url),
      jwks: auth.jwks,
    })
  for (const name of graph.subgraphs.keys())
    checkSubgraph(http, name, () => current.get().subgraphs.get(name)?.policy.health())
  open.use(http)
  const { url, port } = await http.listen(config)
  logger.info({ url }, 'gateway is listening')
  const running = open.move()
  return { name: 'gateway', url, port, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

function checkSubgraph(http: HttpServer, name: string, health: () => string | undefined): void {
  const check = async () => {
    const state = health() ?? 'not in the supergraph any more'
    return { ok: state !== 'open', detail: `circuit ${state}` }
  }
  http.addHealthCheck(`subgraph-${name}`, check, { essential: false })
}

async function readSupergraphFile(file: URL): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OperatorError(
      'SUPERGRAPH_INVALID',
      `SUPERGRAPH names ${file.pathname}, which cannot be read: ${reason}`,
      cause,
    )
  }
}
