// Reads shipping's settings from environment variables.
import { z } from 'zod'
import { type Environment, milliseconds, readConfig, urlWithScheme } from '#platform/config/config.ts'
import { subgraphConfig, subgraphVariables } from '#platform/subgraph/environment.ts'
import type { ShippingConfig } from './service.ts'

const schema = z.object({
  ...subgraphVariables,
  CARRIER_URL: urlWithScheme('http', 'https')
    .or(z.string().startsWith('sandbox:'))
    .optional()
    .describe('a URL such as https://… of a carrier, or sandbox:'),
  CARRIER_WEBHOOK_SECRET: z
    .string()
    .min(16)
    .describe('the secret shared with the carrier, 16 characters or more'),
  CARRIER_SANDBOX_STEP_MS: milliseconds(
    'the milliseconds between two steps of a parcel of the sandbox carrier',
    { min: 0, otherwise: 2_000 },
  ),
})

/** Throws OperatorError CONFIG_INVALID that lists every problem. */
export function readShippingConfig(env: Environment): ShippingConfig {
  const read = readConfig(schema, env)
  return {
    ...subgraphConfig('shipping', read),
    webhookSecret: read.CARRIER_WEBHOOK_SECRET,
    sandboxStepMs: read.CARRIER_SANDBOX_STEP_MS,
    ...(read.CARRIER_URL && { carrierUrl: read.CARRIER_URL }),
  }
}
