// Starts a BFF: a gateway client, a cache and an order feed that follow the bus, and GraphQL over HTTP and WebSocket.
import { readFile } from 'node:fs/promises'
import { makeExecutableSchema } from '@graphql-tools/schema'
import type { GraphQLSchema } from 'graphql'
import { type BusFollower, createBusFollower } from '#bff/bus/bus-follower.ts'
import type { BffConfig } from '#bff/config.ts'
import { bffLiveSchema } from '#bff/live-settings.ts'
import { type OrderFeed, type OrderFeedOptions, openOrderFeed } from '#bff/order-feed/order-feed.ts'
import { tagsOf } from '#bff/pages/cache-tags.ts'
import { createGatewayClient } from '#bff/pages/gateway-client.ts'
import { createPages, type Pages } from '#bff/pages/pages.ts'
import { createReadYourWrites } from '#bff/pages/read-your-writes.ts'
import { createVerifier, type Verifier } from '#platform/auth/verifier.ts'
import type { Cache } from '#platform/cache/cache.ts'
import { openCache } from '#platform/cache/open.ts'
import { adjustmentOf, openLiveSettings } from '#platform/config/live-settings.ts'
import { openDiscovery, registerService } from '#platform/discovery/open.ts'
import { openEventBus } from '#platform/event-bus/open.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { mountGraphql } from '#platform/graphql/endpoint/endpoint.ts'
import { createPersistedOperations, readManifest } from '#platform/graphql/endpoint/persisted-operations.ts'
import { mountExamples } from '#platform/graphql/explorer/examples.ts'
import { DEFER_SDL } from '#platform/graphql/incremental/defer-directive.ts'
import { mountLiveGraphql } from '#platform/graphql/live-server/live-server.ts'
import type { ResponseCachePolicy } from '#platform/graphql/response-cache/response-cache.ts'
import { scalars } from '#platform/graphql/scalars.ts'
import { createHttpServer, type HttpServer } from '#platform/http/server.ts'
import { circuitHealth } from '#platform/resilience/health.ts'
import { createOverloadGuard, type OverloadGuard } from '#platform/resilience/overload-guard.ts'
import { openWhenAvailable } from '#platform/resilience/startup-wait.ts'
import type { RunningService } from '#platform/subgraph/subgraph.ts'
import { inService } from '#platform/telemetry/tracing.ts'

type Resolvers = Exclude<
  NonNullable<Parameters<typeof makeExecutableSchema<RequestContext>>[0]['resolvers']>,
  unknown[]
>

type BffDefinition<Order extends object> = {
  /** Every page that the BFF caches: live settings may change its lifetime. */
  readonly pages: readonly { readonly name: string }[]
  readonly createResolvers: (pages: Pages, feed: OrderFeed<Order>) => Resolvers
  /** Returns how the order feed reads an order. */
  readonly createOrderReader: (pages: Pages) => OrderFeedOptions<Order>['read']
  readonly idOf: (order: Order) => string
  readonly ownerOf: (order: Order) => string
  /** Mounts what the BFF serves besides its graph. */
  readonly mount?: (http: HttpServer, parts: MountedParts) => void
}

type MountedParts = Pick<Serving, 'schema' | 'verifier' | 'guard'> & Pick<BffConfig, 'logger'>

export function startBff<Order extends object>(
  config: BffConfig,
  definition: BffDefinition<Order>,
): Promise<RunningService> {
  return inService(config.name, () => start(config, definition))
}

async function start<Order extends object>(
  config: BffConfig,
  definition: BffDefinition<Order>,
): Promise<RunningService> {
  const { logger, name } = config
  await using open = new AsyncDisposableStack()
  const backend = await openBackend(open, config, definition)
  const schema = await createSchema(open, backend, { name, logger, definition })
  const http = createHttpServer({ name, logger, origins: config.origins })
  const verifier = createVerifier(config.auth)
  const guard = createOverloadGuard(name)
  await mountGraphs(open, backend, { http, config, schema, verifier, guard })
  definition.mount?.(http, { schema, verifier, guard, logger })
  if (config.development) mountExplorer(http, config)
  addHealthChecks(http, backend, config)
  open.use(http)
  const { url, port } = await http.listen(config)
  await registerService(backend.discovery, http, { ...config, port })
  logger.info({ url }, `${name} is listening`)
  const running = open.move()
  return { name, url, port, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

type Backend = Awaited<ReturnType<typeof openBackend>>

/** Opens everything that the graph reads from. */
async function openBackend(
  open: AsyncDisposableStack,
  config: BffConfig,
  { pages: ownPages }: Pick<BffDefinition<never>, 'pages'>,
) {
  const { logger, name, eventBusUrl, cacheUrl } = config
  const live = open.use(
    await openLiveSettings({
      url: config.settingsUrl,
      token: config.discovery?.token,
      schema: bffLiveSchema(ownPages.map(page => page.name)),
      logger,
    }),
  )
  const discovery = open.use(await openDiscovery(config.discovery, { logger }))
  const gateway = open.use(
    createGatewayClient({
      url: config.gatewayUrl,
      discovery,
      serviceToken: config.serviceToken,
      adjusted: adjustmentOf(live, 'gateway'),
    }),
  )
  const bus = await openWhenAvailable({ variable: 'EVENT_BUS_URL', url: eventBusUrl, logger }, () =>
    openEventBus(eventBusUrl, { logger }),
  )
  open.use(bus)
  const cache = open.use(await openCache({ name, logger, ...(cacheUrl !== undefined && { url: cacheUrl }) }))
  const follower = open.use(createBusFollower({ bus, logger }))
  feedCache(cache, follower)
  const readYourWrites = createReadYourWrites()
  const lifetimeOf = (page: string) => live.current().cache?.[page]
  const pages = createPages({ gateway, cache, follower, readYourWrites, lifetimeOf })
  return { live, discovery, gateway, bus, cache, follower, readYourWrites, pages }
}

/** The cache learns of changes first, because its listener is the first one. */
function feedCache(cache: Cache, follower: BusFollower): void {
  follower.onFollow(from => cache.resume(from))
  follower.onGap(() => cache.suspend())
  follower.listen(messages => {
    for (const message of messages) cache.applyEvent(message.topic, message.position, tagsOf(message))
  })
}

async function createSchema<Order extends object>(
  open: AsyncDisposableStack,
  { follower, bus, pages }: Backend,
  { name, logger, definition }: Pick<BffConfig, 'name' | 'logger'> & { definition: BffDefinition<Order> },
): Promise<GraphQLSchema> {
  const { createOrderReader, createResolvers, idOf, ownerOf } = definition
  const read = createOrderReader(pages)
  const feed = open.use(openOrderFeed<Order>({ follower, bus, logger, idOf, ownerOf, read }))
  return makeExecutableSchema<RequestContext>({
    typeDefs: [await readFile(new URL(`../schema/${name}.graphql`, import.meta.url), 'utf8'), DEFER_SDL],
    resolvers: [scalars, createResolvers(pages, feed)],
  })
}

type Serving = {
  readonly http: HttpServer
  readonly config: BffConfig
  readonly schema: GraphQLSchema
  readonly verifier: Verifier
  /** All queries and mutations of the BFF pass it, however they come. */
  readonly guard: OverloadGuard
}

async function mountGraphs(
  open: AsyncDisposableStack,
  { cache, follower, readYourWrites }: Backend,
  { http, config, schema, verifier, guard }: Serving,
): Promise<void> {
  const { name, development, maxCost, onlyPersisted, batchesFrom } = config
  const manifest = await readManifest(new URL(`../schema/persisted/${name}.json`, import.meta.url))
  const persisted = createPersistedOperations({ manifest, only: onlyPersisted })
  const shared = { schema, verifier, guard, persisted, development, maxCost }
  const responseCache: ResponseCachePolicy = {
    required: readYourWrites.required,
    serves(lease, required) {
      // Callers that are served from memory alone keep the bus followed too; if it cannot be, the cache serves nothing.
      void follower.touch()?.catch(() => {})
      return cache.isServable(lease, required)
    },
  }
  open.use(await mountGraphql(http, { ...shared, responseCache, batchesFrom }))
  mountLiveGraphql(http, shared)
}

/** The explorer's examples are the operations of the BFF's front end. */
function mountExplorer(http: HttpServer, { name, auth }: BffConfig): void {
  const frontEnd = name.slice('bff-'.length)
  mountExamples(http, {
    title: `Waybill ${frontEnd}`,
    folder: new URL(`../clients/${frontEnd}/`, import.meta.url),
    jwks: auth.jwks,
  })
}

function addHealthChecks(http: HttpServer, backend: Backend, { settingsUrl }: BffConfig): void {
  const { gateway, bus, cache, live } = backend
  const isOptional = { essential: false }
  http.addHealthCheck('gateway', async () => circuitHealth(gateway), isOptional)
  http.addHealthCheck('event-bus', async () => ({
    ok: true,
    detail: `orders at position ${await bus.end('orders')}`,
  }))
  http.addHealthCheck(
    'cache',
    async () => ({ ok: cache.remoteState() !== 'away', detail: `tier 2 is ${cache.remoteState()}` }),
    isOptional,
  )
  if (settingsUrl !== undefined) http.addHealthCheck('settings', async () => live.health(), isOptional)
}
