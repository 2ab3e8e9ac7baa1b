// Reads orders' settings from environment variables.
import { z } from 'zod'
import { type Environment, milliseconds, readConfig, urlWithScheme } from '#platform/config/config.ts'
import { graphqlUrl, namedUrl, requireAddresses } from '#platform/discovery/addresses.ts'
import { subgraphConfig, subgraphVariables } from '#platform/subgraph/environment.ts'
import type { OrdersConfig } from '#subgraphs/orders/service.ts'

const variables = z.object({
  ...subgraphVariables,
  INVENTORY_URL: graphqlUrl.optional(),
  PAYMENT_URL: graphqlUrl.optional(),
  SHIPPING_URL: graphqlUrl.optional(),
  APPROVAL_TIMEOUT_MS: milliseconds('milliseconds that a payment may wait for approval', {
    min: 100,
    otherwise: 600_000,
  }),
  AUTHORISATION_TIMEOUT_MS: milliseconds(
    'milliseconds that an authorisation is asked for while payment does not answer',
    { min: 100, otherwise: 300_000 },
  ),
  CAPTURE_AT: z
    .enum(['label', 'dispatch'])
    .default('label')
    .describe('label or dispatch: when the money for a parcel is taken'),
  WORKFLOW_URL: urlWithScheme('temporal').optional(),
  RESERVATION_MS: milliseconds('milliseconds that stock is held for an order without a commit', {
    min: 1_000,
    otherwise: 1_800_000,
  }),
})
const schema = requireAddresses(variables, ['INVENTORY_URL', 'PAYMENT_URL', 'SHIPPING_URL'])

/** Throws OperatorError CONFIG_INVALID that lists every problem. */
export function readOrdersConfig(env: Environment): OrdersConfig {
  const read = readConfig(schema, env)
  return {
    ...subgraphConfig('orders', read),
    inventoryUrl: read.INVENTORY_URL ?? namedUrl('inventory'),
    paymentUrl: read.PAYMENT_URL ?? namedUrl('payment'),
    shippingUrl: read.SHIPPING_URL ?? namedUrl('shipping'),
    approvalTimeoutMs: read.APPROVAL_TIMEOUT_MS,
    sagaPolicy: { boundedForMs: read.AUTHORISATION_TIMEOUT_MS },
    reservationMs: read.RESERVATION_MS,
    captureAt: read.CAPTURE_AT,
    ...(read.WORKFLOW_URL && { workflowUrl: read.WORKFLOW_URL }),
  }
}
