// Starts services by name in this process, each with the environment that it would read if it ran alone.

import type { RunningService } from '#platform/subgraph/subgraph.ts'
import { inService, startTracing } from '#platform/telemetry/tracing.ts'
import type { ServiceName } from '#start/topology.ts'

type Environment = Readonly<Record<string, string>>
type Starter = (env: Environment) => Promise<RunningService>

/** The services that one process hosts, each with its environment. */
export type Assignment = {
  readonly services: readonly { readonly name: ServiceName; readonly env: Record<string, string> }[]
}

export type RunningServices = AsyncDisposable & { readonly services: readonly RunningService[] }

/** Imports a service's modules only when it runs here. */
const STARTERS: Readonly<Record<ServiceName, () => Promise<Starter>>> = {
  orders: async () => {
    const [{ readOrdersConfig }, { startOrders }] = await Promise.all([
      import('#subgraphs/orders/config.ts'),
      import('#subgraphs/orders/service.ts'),
    ])
    return env => startOrders(readOrdersConfig(env))
  },
  inventory: async () => {
    const [{ readInventoryConfig }, { startInventory }] = await Promise.all([
      import('#subgraphs/inventory/config.ts'),
      import('#subgraphs/inventory/service.ts'),
    ])
    return env => startInventory(readInventoryConfig(env))
  },
  payment: async () => {
    const [{ readPaymentConfig }, { startPayment }] = await Promise.all([
      import('#subgraphs/payment/config.ts'),
      import('#subgraphs/payment/service.ts'),
    ])
    return env => startPayment(readPaymentConfig(env))
  },
  shipping: async () => {
    const [{ readShippingConfig }, { startShipping }] = await Promise.all([
      import('#subgraphs/shipping/config.ts'),
      import('#subgraphs/shipping/service.ts'),
    ])
    return env => startShipping(readShippingConfig(env))
  },
  gateway: async () => {
    const [{ readGatewayConfig }, { startGateway }] = await Promise.all([
      import('#gateway/config.ts'),
      import('#gateway/service.ts'),
    ])
    return env => startGateway(readGatewayConfig(env))
  },
  'bff-web': async () => {
    const [{ readBffConfig }, { startBffWeb }] = await Promise.all([
      import('#bff/config.ts'),
      import('#bff-web/service.ts'),
    ])
    return env => startBffWeb(readBffConfig('bff-web', env))
  },
  'bff-mobile': async () => {
    const [{ readBffConfig }, { startBffMobile }] = await Promise.all([
      import('#bff/config.ts'),
      import('#bff-mobile/service.ts'),
    ])
    return env => startBffMobile(readBffConfig('bff-mobile', env))
  },
}

/** Loads the modules of services ahead of time, so that starting them takes less time. */
export async function loadServices(names: readonly ServiceName[]): Promise<void> {
  await Promise.all(names.map(name => STARTERS[name]()))
}

/** Starts one service. Tracing must be set up before `graphql` is first imported. */
async function startOne(
  { name, env }: Assignment['services'][number],
  open: AsyncDisposableStack,
): Promise<RunningService> {
  const start = await STARTERS[name]()
  return open.use(await inService(name, () => start(env)))
}

/** Starts the services concurrently; disposing stops them concurrently. When one fails, the others are stopped and it throws. */
export async function startServices(services: Assignment['services']): Promise<RunningServices> {
  const tracing = new AsyncDisposableStack()
  for (const { name, env } of services)
    tracing.use(await startTracing({ service: name, endpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT }))
  const open = new AsyncDisposableStack()
  const stop = async () => {
    await open.disposeAsync()
    await tracing.disposeAsync()
  }
  const outcomes = await Promise.allSettled(services.map(service => startOne(service, open)))
  const failed = outcomes.find(outcome => outcome.status === 'rejected')
  if (failed) {
    await stop()
    throw failed.reason
  }
  const running = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  return { services: running, [Symbol.asyncDispose]: stop }
}
