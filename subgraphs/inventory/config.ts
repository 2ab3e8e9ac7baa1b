// What inventory reads from its environment.
import { z } from 'zod'
import { type Environment, readConfig } from '#platform/config/config.ts'
import { subgraphConfig, subgraphVariables } from '#platform/subgraph/environment.ts'
import type { InventoryConfig } from '#subgraphs/inventory/service.ts'

const schema = z.object({
  ...subgraphVariables,
  EXPIRY_SWEEP_MS: z.coerce
    .number()
    .int()
    .min(50)
    .max(3_600_000)
    .default(2000)
    .describe('milliseconds between two sweeps of expired holds, 50 to 3600000'),
})

/** Throws OperatorError CONFIG_INVALID that lists every problem. */
export function readInventoryConfig(env: Environment): InventoryConfig {
  const read = readConfig(schema, env)
  return { ...subgraphConfig('inventory', read), expirySweepMs: read.EXPIRY_SWEEP_MS }
}
