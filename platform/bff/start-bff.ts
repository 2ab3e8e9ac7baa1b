// What both BFFs are made of: the gateway behind them, orders followed on the bus, GraphQL over HTTP and WebSocket.
import { readFile } from 'node:fs/promises'
import { makeExecutableSchema } from '@graphql-tools/schema'
import { createVerifier } from '#platform/auth/verifier.ts'
import type { BffConfig } from '#platform/bff/config.ts'
import { createGatewayClient, type GatewayClient } from '#platform/bff/gateway-client.ts'
import { type OrderFeed, openOrderFeed, type Positions } from '#platform/bff/order-feed.ts'
import { followLogLevel } from '#platform/config/live-log-level.ts'
import { openEventBus } from '#platform/event-bus/open.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { mountGraphql } from '#platform/graphql/endpoint.ts'
import { mountLiveGraphql } from '#platform/graphql/live-endpoint.ts'
import { scalars } from '#platform/graphql/scalars.ts'
import { createHttpServer } from '#platform/http/server.ts'
import type { RunningService } from '#platform/subgraph/subgraph.ts'
import { inService } from '#platform/telemetry/tracing.ts'

type Resolvers = Exclude<
  NonNullable<Parameters<typeof makeExecutableSchema<RequestContext>>[0]['resolvers']>,
  unknown[]
>

export type BffDefinition<Order> = {
  /** The order as the feed hands it on, with all that happened up to `positions`; undefined when it is not there. */
  readonly readOrder: (
    gateway: GatewayClient,
    orderId: string,
    positions: Positions,
  ) => Promise<Order | null | undefined>
  readonly resolvers: (gateway: GatewayClient, feed: OrderFeed<Order>) => Resolvers
}

export function startBff<Order>(
  config: BffConfig,
  definition: BffDefinition<Order>,
): Promise<RunningService> {
  return inService(config.name, () => start(config, definition))
}

async function start<Order>(config: BffConfig, definition: BffDefinition<Order>): Promise<RunningService> {
  const { logger, name } = config
  await using open = new AsyncDisposableStack()
  open.use(await followLogLevel(config))
  const gateway = open.use(createGatewayClient({ url: config.gatewayUrl, serviceToken: config.serviceToken }))
  const bus = open.use(await openEventBus(config.eventBusUrl, { logger }))
  const feed = open.use(
    openOrderFeed<Order>({
      bus,
      logger,
      read: async (orderId, positions) =>
        (await definition.readOrder(gateway, orderId, positions)) ?? undefined,
    }),
  )
  const sdl = await readFile(new URL(`../../schema/${name}.graphql`, import.meta.url), 'utf8')
  const schema = makeExecutableSchema({
    typeDefs: sdl,
    resolvers: [scalars, definition.resolvers(gateway, feed)],
  })
  const http = createHttpServer({ name, logger })
  const verifier = createVerifier(config.auth)
  const shared = { verifier, logger, development: config.development }
  open.use(await mountGraphql(http, { schema }, shared))
  mountLiveGraphql(http, { schema, ...shared })
  http.addHealthCheck(
    'gateway',
    async () => ({ ok: gateway.health() !== 'open', detail: `circuit ${gateway.health()}` }),
    { essential: false },
  )
  http.addHealthCheck('event-bus', async () => ({
    ok: true,
    detail: `orders at position ${await bus.end('orders')}`,
  }))
  open.use(http)
  const { url, port } = await http.listen(config)
  logger.info({ url }, `${name} is listening`)
  const running = open.move()
  return { name, url, port, [Symbol.asyncDispose]: () => running.disposeAsync() }
}
