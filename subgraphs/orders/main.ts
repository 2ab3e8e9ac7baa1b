// Starts orders as a process: reads the environment, and stops on a signal.
import { runService } from '#platform/process/run-service.ts'

await runService({
  name: 'orders',
  async load() {
    const [{ readOrdersConfig }, { startOrders }] = await Promise.all([
      import('#subgraphs/orders/config.ts'),
      import('#subgraphs/orders/service.ts'),
    ])
    return { readConfig: readOrdersConfig, start: startOrders }
  },
})
