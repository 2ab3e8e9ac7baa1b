// Reads inventory's settings from environment variables.
import { z } from 'zod'
import { type Environment, milliseconds, readConfig } from '#platform/config/config.ts'
import { subgraphConfig, subgraphVariables } from '#platform/subgraph/environment.ts'
import type { InventoryConfig } from '#subgraphs/inventory/service.ts'

const schema = z.object({
  ...subgraphVariables,
  EXPIRY_SWEEP_MS: milliseconds('milliseconds between two sweeps of expired holds', {
    min: 50,
    max: 3_600_000,
    otherwise: 30_000,
  }),
  OPEN_HOLD_UNITS: z.coerce.number().int().min(1).default(10).describe('a whole number of units, from 1'),
  OPEN_HOLD_SHARE: z.coerce.number().min(0).max(1).default(0.5).describe('a share of the stock, 0 to 1'),
  OPEN_HOLD_ORDERS: z.coerce.number().int().min(1).default(200).describe('a whole number of orders, from 1'),
})

/** Throws OperatorError CONFIG_INVALID that lists every problem. */
export function readInventoryConfig(env: Environment): InventoryConfig {
  const read = readConfig(schema, env)
  const { OPEN_HOLD_UNITS: units, OPEN_HOLD_SHARE: share, OPEN_HOLD_ORDERS: orders } = read
  return {
    ...subgraphConfig('inventory', read),
    expirySweepMs: read.EXPIRY_SWEEP_MS,
    holdQuota: { units, share, orders },
  }
}
