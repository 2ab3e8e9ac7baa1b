// Reads payment's settings from environment variables.
import { z } from 'zod'
import { type Environment, milliseconds, readConfig, urlWithScheme } from '#platform/config/config.ts'
import { subgraphConfig, subgraphVariables } from '#platform/subgraph/environment.ts'
import type { PaymentConfig } from './service.ts'

const schema = z.object({
  ...subgraphVariables,
  PAYMENT_PROVIDER_URL: urlWithScheme('http', 'https')
    .or(z.string().startsWith('sandbox:'))
    .optional()
    .describe('a URL such as https://… of a payment provider, or sandbox:'),
  PAYMENT_WEBHOOK_SECRET: z
    .string()
    .min(16)
    .describe('the secret shared with the payment provider, 16 characters or more'),
  PAYMENT_SANDBOX_APPROVAL_MS: milliseconds(
    'the milliseconds until the sandbox provider tells of an approval',
    { min: 0, otherwise: 1_000 },
  ),
})

/** Throws OperatorError CONFIG_INVALID that lists every problem. */
export function readPaymentConfig(env: Environment): PaymentConfig {
  const read = readConfig(schema, env)
  return {
    ...subgraphConfig('payment', read),
    webhookSecret: read.PAYMENT_WEBHOOK_SECRET,
    sandboxApprovalMs: read.PAYMENT_SANDBOX_APPROVAL_MS,
    ...(read.PAYMENT_PROVIDER_URL && { providerUrl: read.PAYMENT_PROVIDER_URL }),
  }
}
