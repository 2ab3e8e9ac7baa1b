// Starts the gateway: loads the supergraph, connects its subgraphs, and serves the public graph.
import type { GatewayConfig } from '#gateway/config.ts'
import { type CurrentGraph, createCurrentGraph } from '#gateway/graph/current-graph.ts'
import { type Graph, openGraph } from '#gateway/graph/graph.ts'
import { createSubgraphConnections } from '#gateway/graph/subgraph-connections.ts'
import { startSupergraphReloader } from '#gateway/graph/supergraph-reload.ts'
import { mountGateway } from '#gateway/http/endpoint.ts'
import { addGatewayHealth } from '#gateway/http/health.ts'
import { type GatewayLiveSettings, gatewayLiveSchema, subgraphAdjustment } from '#gateway/live-settings.ts'
import { createAdmission } from '#gateway/pipeline/admission.ts'
import { openPersistedOperations } from '#gateway/pipeline/persisted-operations.ts'
import { createQueryDeduplication } from '#gateway/pipeline/query-deduplication.ts'
import { openRateLimit } from '#gateway/safety/rate-limit/open.ts'
import { settingsOf } from '#gateway/settings.ts'
import { mountSubscriptions } from '#gateway/subscriptions/mount.ts'
import { openSupergraphSource, readInitialSupergraph } from '#gateway/supergraph/open.ts'
import { versionOf } from '#gateway/supergraph/source.ts'
import { connectSubgraph } from '#gateway/transport/connect.ts'
import { errorMaskingOf } from '#gateway/transport/error-masking.ts'
import { createVerifier } from '#platform/auth/verifier.ts'
import { openLiveSettings } from '#platform/config/live-settings.ts'
import type { Settings } from '#platform/config/settings.ts'
import type { Discovery } from '#platform/discovery/discovery.ts'
import { openDiscovery, registerService } from '#platform/discovery/open.ts'
import { mountExamples } from '#platform/graphql/explorer/examples.ts'
import { createHttpServer, type HttpServer } from '#platform/http/server.ts'
import { createOverloadGuard } from '#platform/resilience/overload-guard.ts'
import type { RunningService } from '#platform/subgraph/subgraph.ts'
import { inService } from '#platform/telemetry/tracing.ts'

export type RunningGateway = RunningService & {
  /** The source of the supergraph, without credentials. */
  readonly supergraph: string
  /** The address of each subgraph at the start, by its name. */
  readonly subgraphs: ReadonlyMap<string, string>
  /** Reads the supergraph again. Resolves once it is served or refused; a refused one leaves the current one in service. */
  reload(): Promise<void>
}

/** Throws OperatorError SUPERGRAPH_INVALID when the supergraph cannot be read or served. */
export function startGateway(config: GatewayConfig): Promise<RunningGateway> {
  return inService('gateway', () => start(config))
}

async function start(config: GatewayConfig): Promise<RunningGateway> {
  const { logger, settings } = config
  await using open = new AsyncDisposableStack()
  const live = open.use(await openLiveGatewaySettings(config))
  const discovery = open.use(await openDiscovery(config.discovery, { logger }))
  const source = openSupergraphSource(config.supergraph, settings.reload)
  const sdl = await readInitialSupergraph(source, { waitMs: settings.reload.waitMs, logger })
  const openNext = graphOpener(config, source.from, { discovery, live })
  const graph = await openNext(sdl)
  const current = open.use(createCurrentGraph(graph))
  const reloader = open.use(
    startSupergraphReloader({
      source,
      served: sdl,
      current,
      open: openNext,
      settings: settings.reload,
      logger,
    }),
  )
  const http = createHttpServer({ name: 'gateway', logger, origins: config.origins ?? [] })
  open.use(await mount(http, config, { current, discovery, live }))
  addGatewayHealth(http, current, reloader)
  if (config.settingsUrl !== undefined)
    http.addHealthCheck('settings', async () => live.health(), { essential: false })
  open.use(http)
  const { url, port } = await http.listen(config)
  await registerService(discovery, http, { ...config, port })
  logger.info({ url, supergraph: source.from, version: versionOf(sdl) }, 'gateway is listening')
  const running = open.move()
  return {
    name: 'gateway',
    url,
    port,
    supergraph: source.from,
    subgraphs: graph.addresses,
    reload: reloader.reload,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

type Dependencies = {
  readonly current: CurrentGraph
  readonly discovery: Discovery
  readonly live: Settings<GatewayLiveSettings>
}

/** Mounts the endpoint and subscriptions. Disposing closes what they use, after the server has closed. */
async function mount(
  http: HttpServer,
  config: GatewayConfig,
  { current, discovery, live }: Dependencies,
): Promise<AsyncDisposable> {
  const { auth, cacheUrl: url, development, logger, settings } = config
  await using open = new AsyncDisposableStack()
  const verifying = auth && {
    verifier: createVerifier({ ...auth, roles: 'any', nameClaims: nameClaims(settings) }),
  }
  const persisted = await openPersistedOperations(settings.persisted)
  const limit = open.use(await openRateLimit({ settings: settings.rateLimit, live, url, logger }))
  const guard = createOverloadGuard('gateway')
  const admission = createAdmission({ cost: settings.cost, rateLimit: limit.current, guard })
  const { serveMultipart } = open.use(
    mountSubscriptions(http, {
      current,
      logger,
      admission,
      persisted,
      settings: settings.subscriptions,
      instancesOf: name => instancesOf(name, config, { current, discovery }),
      ...verifying,
    }),
  )
  mountGateway(http, {
    current,
    logger,
    development,
    admission,
    persisted,
    serveMultipart,
    deduplication: settings.shareQueries ? createQueryDeduplication() : undefined,
    limits: settings.limits,
    batchesFrom: settings.batchesFrom,
    ...verifying,
  })
  if (development && auth)
    mountExamples(http, {
      title: 'Waybill gateway',
      folder: new URL('../clients/gateway/', import.meta.url),
      jwks: auth.jwks,
    })
  return open.move()
}

/** Returns the claims whose names authorization reads. */
function nameClaims({ authorization }: GatewayConfig['settings']): readonly string[] {
  return [...authorization.scopeClaims, ...authorization.policyClaims]
}

function openLiveGatewaySettings(config: GatewayConfig): Promise<Settings<GatewayLiveSettings>> {
  const { settingsUrl, discovery, logger } = config
  return openLiveSettings({ url: settingsUrl, token: discovery?.token, schema: gatewayLiveSchema, logger })
}

function graphOpener(
  config: GatewayConfig,
  from: string,
  { discovery, live }: { readonly discovery: Discovery; readonly live: Settings<GatewayLiveSettings> },
): (sdl: string) => Promise<Graph> {
  const { development, logger, settings, subgraphUrls, discovery: { url } = {} } = config
  const masking = errorMaskingOf(settings.errors, { development })
  const connections = createSubgraphConnections((name, url) =>
    connectSubgraph({ name, address: url }, settingsOf(settings, name), {
      masking,
      logger,
      discovery,
      adjusted: subgraphAdjustment(live, name),
    }),
  )
  const introspection = settings.introspection ?? development
  return sdl =>
    openGraph(sdl, {
      from,
      settings,
      connections,
      subgraphUrls,
      isLookedUp: url !== undefined,
      introspection,
    })
}

/** Returns the URLs that a subgraph's instances have now. */
function instancesOf(
  name: string,
  { settings }: GatewayConfig,
  { current, discovery }: Pick<Dependencies, 'current' | 'discovery'>,
): readonly string[] {
  const address = current.get().addresses.get(name)
  const instances =
    settings.subgraphs[name]?.urls ?? (address === undefined ? [] : discovery.watch(address).current())
  return instances.map(({ url }) => url)
}
