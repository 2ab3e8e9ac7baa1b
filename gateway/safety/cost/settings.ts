// What an operator sets of the cost of operations. Free of schemas.
import { z } from 'zod'

export const costSettings = z.strictObject({
  /** An operation that may cost more is refused; any may be run when left out. */
  maximum: z.number().positive().optional(),
  /** Items that a list is taken to have of which the supergraph says nothing. */
  listSize: z.number().int().min(0).default(10),
  /** Whether answers say in `extensions.cost` what was estimated; `on request`: where the header `graphql-cost` is sent. */
  report: z.enum(['on request', 'always', 'never']).default('on request'),
})

export type CostSettings = z.infer<typeof costSettings>

export const DEFAULT_COST: CostSettings = costSettings.parse({})
