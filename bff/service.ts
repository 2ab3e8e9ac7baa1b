// What both BFFs are made of: the gateway behind them, a cache and live orders fed by the bus, GraphQL over HTTP and sockets.
import { readFile } from 'node:fs/promises'
import { makeExecutableSchema } from '@graphql-tools/schema'
import type { GraphQLSchema } from 'graphql'
import { type BusFollower, createBusFollower } from '#bff/bus/bus-follower.ts'
import type { BffConfig } from '#bff/config.ts'
import { bffLiveSchema } from '#bff/live-settings.ts'
import { type OrderFeed, openOrderFeed } from '#bff/order-feed/order-feed.ts'
import { tagsOf } from '#bff/pages/cache-tags.ts'
import { createEntityFilter } from '#bff/pages/entity-filter.ts'
import { createGatewayClient } from '#bff/pages/gateway-client.ts'
import { createPages, type Pages } from '#bff/pages/pages.ts'
import { createReadYourWrites } from '#bff/pages/read-your-writes.ts'
import { createVerifier, type Verifier } from '#platform/auth/verifier.ts'
import type { Cache } from '#platform/cache/cache.ts'
import { openCache } from '#platform/cache/open.ts'
import { adjustmentOf, openLiveSettings } from '#platform/config/live-settings.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import { openDiscovery, registerService } from '#platform/discovery/open.ts'
import { openEventBus } from '#platform/event-bus/open.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { mountGraphql } from '#platform/graphql/endpoint/endpoint.ts'
import { createPersistedOperations, readManifest } from '#platform/graphql/endpoint/persisted-operations.ts'
import { mountExamples } from '#platform/graphql/explorer/examples.ts'
import { mountLiveGraphql } from '#platform/graphql/live-server/live-server.ts'
import type { AnswerPolicy } from '#platform/graphql/response-cache/response-cache.ts'
import { scalars } from '#platform/graphql/scalars.ts'
import { createHttpServer, type HttpServer } from '#platform/http/server.ts'
import { circuitHealth } from '#platform/resilience/health.ts'
import { openWhenAvailable } from '#platform/resilience/startup-wait.ts'
import type { RunningService } from '#platform/subgraph/subgraph.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { inService } from '#platform/telemetry/tracing.ts'

type Resolvers = Exclude<
  NonNullable<Parameters<typeof makeExecutableSchema<RequestContext>>[0]['resolvers']>,
  unknown[]
>

export type BffDefinition<Order extends object> = {
  /** All that it keeps in the cache: live settings change for how long. */
  readonly pages: readonly { readonly name: string }[]
  readonly createResolvers: (pages: Pages, feed: OrderFeed<Order>) => Resolvers
  /** The order as the feed hands it on, with all that happened up to `positions`; undefined when it is not there. */
  readonly readOrder: (
    pages: Pages,
    orderId: string,
    positions: PositionVector,
    detail: 'page' | 'summary',
  ) => Promise<Order | undefined>
  readonly idOf: (order: Order) => string
  readonly ownerOf: (order: Order) => string
  /** What a BFF serves besides its graph. */
  readonly mount?: (http: HttpServer, parts: MountedParts) => void
}

export type MountedParts = {
  readonly schema: GraphQLSchema
  readonly verifier: Verifier
  readonly logger: Logger
}

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
  const live = open.use(
    await openLiveSettings({
      settingsUrl: config.settingsUrl,
      token: config.discovery?.token,
      schema: bffLiveSchema(definition.pages.map(page => page.name)),
      logger,
    }),
  )
  const discovery = open.use(await openDiscovery(config.discovery, { logger }))
  const { gatewayUrl: gatewayAddress, serviceToken } = config
  const gateway = open.use(
    createGatewayClient({
      url: gatewayAddress,
      discovery,
      serviceToken,
      adjusted: adjustmentOf(live, 'gateway'),
    }),
  )
  const { eventBusUrl } = config
  const bus = await openWhenAvailable({ variable: 'EVENT_BUS_URL', url: eventBusUrl, logger }, () =>
    openEventBus(eventBusUrl, { logger }),
  )
  open.use(bus)
  const { cacheUrl } = config
  const cache = open.use(await openCache({ name, logger, ...(cacheUrl !== undefined && { url: cacheUrl }) }))
  const follower = open.use(createBusFollower({ bus, logger }))
  feedCache(cache, follower)
  const known = open.use(createEntityFilter({ gateway, follower, logger }))
  const recent = createReadYourWrites()
  const pages = createPages({
    gateway,
    cache,
    follower,
    recent,
    mayExist: known.mayExist,
    lifetimeOf: name => live.current().cache?.[name],
  })
  const { readOrder, idOf, ownerOf } = definition
  const feed = open.use(
    openOrderFeed<Order>({
      follower,
      bus,
      logger,
      idOf,
      ownerOf,
      read: (orderId, positions, detail) => readOrder(pages, orderId, positions, detail),
    }),
  )
  const schema = makeExecutableSchema<RequestContext>({
    typeDefs: await readFile(new URL(`../schema/${name}.graphql`, import.meta.url), 'utf8'),
    resolvers: [scalars, definition.createResolvers(pages, feed)],
  })
  const http = createHttpServer({ name, logger, origins: config.origins })
  const verifier = createVerifier(config.auth)
  const manifest = await readManifest(new URL(`../schema/persisted/${name}.json`, import.meta.url))
  const persisted = createPersistedOperations({ manifest, only: config.onlyPersisted })
  const { development, maxCost } = config
  const shared = { verifier, logger, persisted, development, maxCost }
  const answers: AnswerPolicy = {
    required: recent.required,
    serves(lease, required) {
      void follower.touch()?.catch(() => {}) // who is served from memory alone keeps the bus followed too
      return cache.isServable(lease, required)
    },
  }
  open.use(await mountGraphql(http, { schema }, { ...shared, answers, batchesFrom: config.batchesFrom }))
  mountLiveGraphql(http, { schema, ...shared })
  definition.mount?.(http, { schema, verifier, logger })
  if (config.development) explore(http, config)
  http.addHealthCheck('gateway', async () => circuitHealth(gateway), { essential: false })
  http.addHealthCheck('event-bus', async () => ({
    ok: true,
    detail: `orders at position ${await bus.end('orders')}`,
  }))
  http.addHealthCheck(
    'cache',
    async () => ({ ok: cache.remoteState() !== 'away', detail: `tier 2 is ${cache.remoteState()}` }),
    { essential: false },
  )
  if (config.settingsUrl !== undefined)
    http.addHealthCheck('settings', async () => live.health(), { essential: false })
  open.use(http)
  const { url, port } = await http.listen(config)
  await registerService(discovery, http, { ...config, port })
  logger.info({ url }, `${name} is listening`)
  const running = open.move()
  return { name, url, port, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

/** The examples are what its front end asks. */
function explore(http: HttpServer, { name, auth }: BffConfig): void {
  const frontEnd = name.slice('bff-'.length)
  mountExamples(http, {
    title: `Waybill ${frontEnd}`,
    folder: new URL(`../clients/${frontEnd}/`, import.meta.url),
    jwks: auth.jwks,
  })
}

/** Changes are heard by the cache before anybody else acts on them. */
function feedCache(cache: Cache, follower: BusFollower): void {
  follower.onFollow(from => cache.resume(from))
  follower.onGap(() => cache.suspend())
  follower.listen(messages => {
    for (const message of messages) cache.applyEvent(message.topic, message.position, tagsOf(message))
  })
}
