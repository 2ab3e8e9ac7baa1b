// Wires orders: its views and aggregates, the clients of other services, the fulfilment saga and its inputs.

import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import type { Append } from '#platform/event-store/event-store.ts'
import { createRepository } from '#platform/event-store/repository.ts'
import { createGraphqlClient, type GraphqlClient } from '#platform/graphql/client/client.ts'
import { circuitHealth } from '#platform/resilience/health.ts'
import { createPolicy } from '#platform/resilience/policy.ts'
import type { SagaPolicy } from '#platform/saga/attempt.ts'
import { openSagaRunner } from '#platform/saga/open.ts'
import type { SagaRunner } from '#platform/saga/saga.ts'
import {
  type RunningService,
  type SubgraphConfig,
  type SubgraphPorts,
  startSubgraph,
} from '#platform/subgraph/subgraph.ts'
import { createCatalogue } from '#subgraphs/orders/adapters/catalogue.ts'
import { createShippingQuotes } from '#subgraphs/orders/adapters/shipping-quotes.ts'
import { createOrderWatches } from '#subgraphs/orders/commands/order-watch.ts'
import { createRecentDemand } from '#subgraphs/orders/commands/recent-demand.ts'
import { customerAggregate, orderAggregate } from '#subgraphs/orders/domain/aggregate.ts'
import type { OrderPlaced } from '#subgraphs/orders/domain/events.ts'
import {
  deliverAll,
  type FulfilmentSettings,
  inputFromBus,
  inputFromOrder,
  placeWithStart,
} from '#subgraphs/orders/fulfilment/event-mapping.ts'
import { type FulfilmentInput, fulfilment } from '#subgraphs/orders/fulfilment/fulfilment.ts'
import { createLocalSteps, createSteps, type Services } from '#subgraphs/orders/fulfilment/step-executor.ts'
import { customersView, ordersView, totalsView } from '#subgraphs/orders/queries/views.ts'
import { createResolvers } from '#subgraphs/orders/resolvers.ts'

export type OrdersConfig = SubgraphConfig &
  FulfilmentSettings & {
    readonly name: 'orders'
    /** GraphQL endpoints of the services that orders calls, as URL variables say where they are. */
    readonly inventoryUrl: string
    readonly shippingUrl: string
    readonly paymentUrl: string
    readonly sagaPolicy?: SagaPolicy
    /** The Temporal server that runs fulfilments; without it they run on the service's own event store. */
    readonly workflowUrl?: string
  }

type FulfilmentRunner = SagaRunner<FulfilmentInput>

/** Resolves once it listens. Disposing drains requests, lets the saga's calls under way end, and closes. */
export function startOrders(config: OrdersConfig): Promise<RunningService> {
  return startSubgraph(config, {
    views: [ordersView, customersView, totalsView],
    publishes: ['order', 'customer'], // not the sagas' own histories
    dependencies: Object.keys(TIMEOUT_MS),
    async build(ports) {
      const services = openServices(ports, config)
      const orders = createRepository(ports.store, orderAggregate, { logger: config.logger })
      const sagas = await startFulfilments(ports, config, { services, orders, now: config.now })
      const { store, projections, open } = ports
      const { now, logger } = config
      const onError = (error: unknown) =>
        logger.warn(
          { err: error },
          'reading the order log for waiting commands failed, it is read again within 500 ms',
        )
      const watches = open.use(createOrderWatches(store, { onError }))
      ports.http.onShutdown(async () => watches.release())
      const dependencies = {
        orders,
        customers: createRepository(store, customerAggregate, { logger }),
        catalogue: createCatalogue(services.inventory),
        quotes: createShippingQuotes(services.shipping, now),
        demand: createRecentDemand(now),
        watches,
        appendPlaced: (append: Append, placed: OrderPlaced) =>
          placeWithStart(sagas, settingsOf(config), { append, placed }),
        sagas,
        views: {
          orders: projections.collection(ordersView),
          customers: projections.collection(customersView),
          totals: projections.collection(totalsView),
        },
        shown: () => projections.shownPosition(ordersView),
        head: () => store.head(),
        now,
      }
      return { resolvers: createResolvers(dependencies) }
    },
  })
}

/** Payment and carrier calls wait for somebody outside: they get more time. */
const TIMEOUT_MS = { inventory: 5_000, payment: 20_000, shipping: 10_000 }

function openServices({ http, open, discovery, adjusted }: SubgraphPorts, config: OrdersConfig): Services {
  const openService = (name: keyof Services, url: string): GraphqlClient => {
    const policy = createPolicy({
      name,
      timeoutMs: TIMEOUT_MS[name],
      adjusted: adjusted(name),
      retries: 2,
      concurrency: 128,
      queue: 2_000,
      breaker: { threshold: 0.6, minimumPerSecond: 5 }, // one order that cannot be paid is not an outage
    })
    http.addHealthCheck(name, async () => circuitHealth(policy), { essential: false })
    return open.use(createGraphqlClient({ url, discovery, policy, token: config.serviceToken }))
  }
  return {
    inventory: openService('inventory', config.inventoryUrl),
    payment: openService('payment', config.paymentUrl),
    shipping: openService('shipping', config.shippingUrl),
  }
}

/** Opens the runner first, so that no event arrives before it can be handled; closed in reverse. */
async function startFulfilments(
  { store, readModels, bus, http, open }: SubgraphPorts,
  config: OrdersConfig,
  steps: Parameters<typeof createSteps>[0],
): Promise<FulfilmentRunner> {
  const { logger, now, sagaPolicy, workflowUrl } = config
  const settings = settingsOf(config)
  const sagas = open.use(
    await openSagaRunner({
      workflowUrl,
      store,
      readModels,
      definition: fulfilment,
      perform: createSteps(steps),
      local: createLocalSteps(steps),
      logger,
      now,
      ...(sagaPolicy && { policy: sagaPolicy }),
    }),
  )
  http.addHealthCheck('fulfilments', sagas.health.check, { essential: sagas.health.essential })
  const consumer = open.use(
    await store.consume({
      name: 'saga-inputs',
      categories: [orderAggregate.category],
      handle: events =>
        deliverAll(
          sagas,
          events.flatMap(event => inputFromOrder(event, settings) ?? []),
        ),
    }),
  )
  http.addHealthCheck(
    'consumer-saga-inputs',
    async () => {
      const { deadLetters } = consumer.status()
      return { ok: deadLetters === 0, detail: `${deadLetters} dead letters` }
    },
    { essential: false },
  )
  const onUnreadable = ({ topic, type, position }: BusMessage, err: unknown) =>
    logger.error(
      { err, topic, type, position },
      'an event of another service could not be parsed, it is skipped',
    )
  open.use(
    await bus.subscribe('orders-saga', ['payment', 'shipping'], messages =>
      deliverAll(
        sagas,
        messages.flatMap(message => inputFromBus(message, onUnreadable) ?? []),
      ),
    ),
  )
  return sagas
}

function settingsOf({ approvalTimeoutMs, reservationMs, captureAt }: OrdersConfig): FulfilmentSettings {
  return {
    ...(approvalTimeoutMs !== undefined && { approvalTimeoutMs }),
    ...(reservationMs !== undefined && { reservationMs }),
    ...(captureAt !== undefined && { captureAt }),
  }
}
