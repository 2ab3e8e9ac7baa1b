// The gateway as a service: loads the supergraph, connects its subgraphs, serves the public graph.
import { readFile } from 'node:fs/promises'
import process from 'node:process'
import { ApolloGateway } from '@apollo/gateway'
import type { GatewayConfig } from '#gateway/config.ts'
import { createSubgraphDataSource, type SubgraphDataSource } from '#gateway/subgraph-data-source.ts'
import { createVerifier } from '#platform/auth/verifier.ts'
import { followLogLevel } from '#platform/config/live-log-level.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { mountGraphql } from '#platform/graphql/endpoint.ts'
import { mountExamples } from '#platform/graphql/explorer-examples.ts'
import { createHttpServer } from '#platform/http/server.ts'
import { createPolicy, type Policy } from '#platform/resilience/policy.ts'
import type { RunningService } from '#platform/subgraph/subgraph.ts'
import { inService } from '#platform/telemetry/tracing.ts'

/** Longer than the longest that a command may wait for its outcome (settleWithinMs, ten seconds). */
const SUBGRAPH_TIMEOUT_MS = 15_000

/** Throws OperatorError SUPERGRAPH_INVALID when the supergraph cannot be read or served. */
export function startGateway(config: GatewayConfig): Promise<RunningService> {
  return inService('gateway', () => start(config))
}

async function start(config: GatewayConfig): Promise<RunningService> {
  process.env.APOLLO_TELEMETRY_DISABLED = '1' // ApolloGateway reports to its makers otherwise
  await using open = new AsyncDisposableStack()
  open.use(await followLogLevel(config))
  const subgraphs: { readonly name: string; readonly policy: Policy; readonly source: SubgraphDataSource }[] =
    []
  const gateway = new ApolloGateway({
    supergraphSdl: await readSupergraph(config.supergraph),
    logger: config.logger,
    buildService({ name, url }) {
      const policy = createPolicy({
        name: `subgraph-${name}`,
        timeoutMs: SUBGRAPH_TIMEOUT_MS,
        retries: 2,
        concurrency: 500,
        queue: 1000,
      })
      const source = createSubgraphDataSource({ name, url: config.subgraphUrls[name] ?? url ?? '', policy })
      subgraphs.push({ name, policy, source })
      return source
    },
  })
  open.defer(async () => {
    await Promise.all(subgraphs.map(({ source }) => source.close()))
  })
  const http = createHttpServer({ name: 'gateway', logger: config.logger })
  const endpoint = await mountGraphql(
    http,
    { gateway },
    { verifier: createVerifier(config.auth), development: config.development, logger: config.logger },
  ).catch(cause => {
    throw new OperatorError(
      'SUPERGRAPH_INVALID',
      `${config.supergraph.pathname} cannot be served: ${messageOf(cause)}`,
      cause,
    )
  })
  open.use(endpoint)
  if (config.development)
    mountExamples(http, {
      title: 'Waybill gateway',
      folder: new URL('../clients/gateway/', import.meta.url),
      jwks: config.auth.jwks,
    })
  for (const { name, policy } of subgraphs)
    http.addHealthCheck(
      `subgraph-${name}`,
      async () => ({ ok: policy.health() !== 'open', detail: `circuit ${policy.health()}` }),
      { essential: false },
    )
  open.use(http)
  const { url, port } = await http.listen(config)
  config.logger.info({ url }, 'gateway is listening')
  const running = open.move()
  return { name: 'gateway', url, port, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

async function readSupergraph(file: URL): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new OperatorError(
      'SUPERGRAPH_INVALID',
      `SUPERGRAPH names ${file.pathname}, which cannot be read: ${messageOf(cause)}`,
      cause,
    )
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
