// Builds and starts a subgraph: ports, projections, publisher, schema, health.
import { createVerifier } from '#platform/auth/verifier.ts'
import { adjustmentOf, liveSettingsSchema, openLiveSettings } from '#platform/config/live-settings.ts'
import type { Discovery } from '#platform/discovery/discovery.ts'
import { type DiscoverySettings, openDiscovery, registerService } from '#platform/discovery/open.ts'
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import { openEventBus } from '#platform/event-bus/open.ts'
import { startPublisher } from '#platform/event-bus/publisher.ts'
import type { Consumer, EventStore } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { mountGraphql } from '#platform/graphql/endpoint/endpoint.ts'
import { createHttpServer, type HttpServer } from '#platform/http/server.ts'
import { isSameServer } from '#platform/postgres/same-server.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import type { View } from '#platform/read-models/projection.ts'
import type { Document, ReadModels } from '#platform/read-models/read-models.ts'
import { type Projections, startProjections } from '#platform/read-models/run-projections.ts'
import type { Health } from '#platform/resilience/health.ts'
import type { PolicyOptions } from '#platform/resilience/policy.ts'
import { openWhenAvailable } from '#platform/resilience/startup-wait.ts'
import type { SubgraphName } from '#platform/subgraph/names.ts'
import { createPositionWaits } from '#platform/subgraph/position-waits.ts'
import { type ResolverMap, subgraphSchema } from '#platform/subgraph/schema.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { histogram } from '#platform/telemetry/metrics.ts'
import { inService } from '#platform/telemetry/tracing.ts'

export type SubgraphConfig = {
  readonly name: SubgraphName
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly databaseUrl: string
  /** How long an idempotency key names its command. Keys are kept when it is left out. */
  readonly commandRetentionMs?: number
  readonly readModelsUrl: string
  readonly eventBusUrl: string
  readonly auth: { readonly jwks: URL; readonly issuer: string; readonly audience: string }
  readonly serviceToken: () => Promise<string>
  readonly development: boolean
  readonly logger: Logger
  readonly now: () => Date
  /** A `file:` or `consul:` URL names the settings that take effect while the service runs. */
  readonly settingsUrl?: string
  /** Looks other services up, and registers this one; neither happens when left out. */
  readonly discovery?: DiscoverySettings
}

export type SubgraphPorts = {
  readonly store: EventStore
  readonly readModels: ReadModels
  readonly bus: EventBus
  readonly projections: Projections
  readonly http: HttpServer
  readonly discovery: Discovery
  /** Returns the live settings of the calls to one of the definition's `dependencies`. */
  readonly adjusted: (dependency: string) => NonNullable<PolicyOptions['adjusted']>
  readonly config: SubgraphConfig
  /** `build` adds what it opens; it is closed after the last request and before the ports. */
  readonly open: AsyncDisposableStack
}

type SubgraphDefinition<Docs extends readonly Document[]> = {
  readonly views: readonly [...{ [Index in keyof Docs]: View<Docs[Index]> }]
  /** The stream categories whose events are published; all by default. */
  readonly publishes?: readonly string[]
  /** Names the services that it calls under a policy that live settings adjust; none by default. */
  readonly dependencies?: readonly string[]
  readonly build: (ports: SubgraphPorts) => Promise<{ readonly resolvers: ResolverMap }>
}

/** `url` is the server's root, such as http://127.0.0.1:4101; GraphQL is at `/graphql`. Disposing drains and closes. */
export type RunningService = AsyncDisposable & {
  readonly name: string
  readonly url: string
  readonly port: number
}

/**
 * Opens the ports, starts projections and the publisher behind them, builds, mounts the SDL of
 * `schema/subgraphs/<name>.graphql`, and listens. When any of it fails, what was opened is closed again.
 */
export function startSubgraph<const Docs extends readonly Document[]>(
  config: SubgraphConfig,
  definition: SubgraphDefinition<Docs>,
): Promise<RunningService> {
  return inService(config.name, () => start(config, definition))
}

async function start<Docs extends readonly Document[]>(
  config: SubgraphConfig,
  definition: SubgraphDefinition<Docs>,
): Promise<RunningService> {
  await using open = new AsyncDisposableStack()
  const live = open.use(
    await openLiveSettings({
      url: config.settingsUrl,
      token: config.discovery?.token,
      schema: liveSettingsSchema(definition.dependencies ?? []),
      logger: config.logger,
    }),
  )
  const adjusted = (name: string) => adjustmentOf(live, name)
  const ports = { ...(await openPorts(config, definition, open)), adjusted }
  if (config.settingsUrl !== undefined)
    ports.http.addHealthCheck('settings', async () => live.health(), { essential: false })
  const publisher = open.use(
    await startPublisher({
      store: ports.store,
      bus: ports.bus,
      topic: config.name,
      behind: ports.projections.consumer,
      soft: await isSameServer(config.databaseUrl, config.eventBusUrl),
      logger: config.logger,
      ...(definition.publishes && { categories: definition.publishes }),
    }),
  )
  addHealthChecks(ports, [ports.projections.consumer, publisher])
  const { resolvers } = await definition.build(ports)
  open.use(await mountSubgraph(ports, resolvers))
  open.use(ports.http)
  const { url, port } = await ports.http.listen(config)
  await registerService(ports.discovery, ports.http, { ...config, port })
  config.logger.info({ url }, `${config.name} is listening`)
  const running = open.move()
  return { name: config.name, url, port, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

async function openPorts<Docs extends readonly Document[]>(
  config: SubgraphConfig,
  { views }: SubgraphDefinition<Docs>,
  open: AsyncDisposableStack,
): Promise<Omit<SubgraphPorts, 'adjusted'>> {
  const { logger } = config
  const discovery = open.use(await openDiscovery(config.discovery, { logger }))
  const { store, readModels, bus } = await openEngines(config, open)
  const lag = histogram('waybill_projection_lag_seconds', 'From the recording of an event to its view', [
    'service',
  ])
  const projections = open.use(
    await startProjections({
      store,
      readModels,
      logger,
      views: views as unknown as readonly View<Document>[], // each is only ever given its own documents
      onLag: milliseconds => lag.observe({ service: config.name }, milliseconds / 1000),
    }),
  )
  const http = createHttpServer({ name: config.name, logger })
  return { store, readModels, bus, projections, http, discovery, config, open }
}

async function openEngines(
  { databaseUrl, readModelsUrl, eventBusUrl, logger, now, commandRetentionMs }: SubgraphConfig,
  open: AsyncDisposableStack,
): Promise<Pick<SubgraphPorts, 'store' | 'readModels' | 'bus'>> {
  const ofViews = readModelsUrl === databaseUrl ? 'DATABASE_URL' : 'READ_MODELS_URL'
  const store = await openWhenAvailable({ variable: 'DATABASE_URL', url: databaseUrl, logger }, () =>
    openPostgresEventStore({
      url: databaseUrl,
      logger,
      now,
      ...(commandRetentionMs !== undefined && { commandRetentionMs }),
    }),
  )
  open.use(store)
  const readModels = await openWhenAvailable({ variable: ofViews, url: readModelsUrl, logger }, () =>
    openReadModels(readModelsUrl, { logger, eventStoreUrl: databaseUrl }),
  )
  open.use(readModels)
  const bus = await openWhenAvailable({ variable: 'EVENT_BUS_URL', url: eventBusUrl, logger }, () =>
    openEventBus(eventBusUrl, { logger }),
  )
  return { store, readModels, bus: open.use(bus) }
}

/** The most values in variables: the gateway asks for entities by lists of their keys. */
const MAX_VALUES = 20_000

async function mountSubgraph(ports: SubgraphPorts, resolvers: ResolverMap): Promise<AsyncDisposable> {
  const { http, config, projections, store } = ports
  const schema = await subgraphSchema(config.name, resolvers)
  return mountGraphql(http, {
    schema,
    verifier: createVerifier(config.auth),
    development: config.development,
    limits: { values: MAX_VALUES },
    consistency: {
      service: config.name,
      waitFor: createPositionWaits({
        service: config.name,
        head: () => store.head(),
        shown: () => projections.consumer.status().checkpoint,
        reached: (position, timeoutMs) => projections.reached(position, timeoutMs),
      }),
    },
  })
}

/** Dead letters are for people to look at: the service goes on, and says so. */
function addHealthChecks(ports: SubgraphPorts, consumers: readonly Consumer[]): void {
  const { store, bus, http, config, projections } = ports
  http.addHealthCheck('event-store', async () => ({ ok: true, detail: `at position ${await store.head()}` }))
  http.addHealthCheck('read-models', async () => ({
    ok: true,
    detail: `noted to be at position ${await projections.savedPosition()}`,
  }))
  http.addHealthCheck(
    'event-bus',
    async () => ({ ok: true, detail: `at position ${await bus.end(config.name)}` }),
    { essential: false },
  )
  for (const consumer of consumers)
    http.addHealthCheck(`consumer-${consumer.status().name}`, async () => consumerHealth(consumer), {
      essential: false,
    })
}

function consumerHealth(consumer: Consumer): Health {
  const { checkpoint, owner, deadLetters, lastError } = consumer.status()
  const place = `${owner ? 'owner' : 'standing by'} at position ${checkpoint}`
  if (deadLetters === 0) return { ok: true, detail: place }
  return {
    ok: false,
    detail: `${place}; ${deadLetters} dead letters${lastError ? `; last error: ${lastError}` : ''}`,
  }
}
