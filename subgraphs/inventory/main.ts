// Starts inventory as a process: reads the environment, and stops on a signal.
import { runService } from '#platform/process/run-service.ts'

await runService({
  name: 'inventory',
  async load() {
    const [{ readInventoryConfig }, { startInventory }] = await Promise.all([
      import('#subgraphs/inventory/config.ts'),
      import('#subgraphs/inventory/service.ts'),
    ])
    return { readConfig: readInventoryConfig, start: startInventory }
  },
})
