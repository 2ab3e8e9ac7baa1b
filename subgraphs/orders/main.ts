// The orders service as a process of its own.
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
