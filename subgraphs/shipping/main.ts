// Shipping as a process of its own.
import { runService } from '#platform/process/run-service.ts'

await runService({
  name: 'shipping',
  async load() {
    const [{ readShippingConfig }, { startShipping }] = await Promise.all([
      import('#subgraphs/shipping/config.ts'),
      import('#subgraphs/shipping/service.ts'),
    ])
    return { readConfig: readShippingConfig, start: startShipping }
  },
})
