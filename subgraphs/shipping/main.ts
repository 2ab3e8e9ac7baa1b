// Starts shipping as a process: reads the environment, and stops on a signal.
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
