// Runs inventory as a process of its own: reads the environment, starts, stops on a signal.
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
