// The `cost` section of the settings file.
import { z } from 'zod'

export const costSettings = z.strictObject({
  /** An operation that may cost more is refused; left out, there is no maximum. */
  maximum: z.number().positive().optional(),
  /** The number of items assumed for a list about which the supergraph says nothing. */
  listSize: z.number().int().min(0).default(10),
  /** When responses show the estimate in `extensions.cost`; `on request`: when the client sends the header `graphql-cost`. */
  report: z.enum(['on request', 'always', 'never']).default('on request'),
})

export type CostSettings = z.infer<typeof costSettings>

export const DEFAULT_COST: CostSettings = costSettings.parse({})
