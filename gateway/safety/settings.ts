// The `authorization`, `cost` and `rateLimit` sections of the settings file.
import { z } from 'zod'

export const authorizationSettings = z.strictObject({
  /** `filter` removes and reports the fields that the caller may not see; `reject` refuses the operation. */
  mode: z.enum(['filter', 'reject']).default('filter'),
  /** The claims of the token whose names together are its scopes. */
  scopeClaims: z.array(z.string().min(1)).default(['scope', 'scp', 'role']),
  /** The claims of the token that name the policies it meets. */
  policyClaims: z.array(z.string().min(1)).default(['policies']),
  /** Policies that scopes meet: all scopes of one of the lists. Everybody meets an empty list. */
  policies: z.record(z.string(), z.array(z.array(z.string()))).default({}),
})

export type AuthorizationSettings = z.infer<typeof authorizationSettings>

export const DEFAULT_AUTHORIZATION: AuthorizationSettings = authorizationSettings.parse({})

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

export const rateLimitSettings = z.strictObject({
  /** The cost that a client may spend at once; an operation costs its estimate, at least 1. */
  capacity: z.number().min(1),
  /** The cost that the client regains each second. */
  perSecond: z.number().positive(),
  /** A header that identifies the client, where a trusted proxy sets it. */
  header: z.string().min(1).toLowerCase().optional(),
})

export type RateLimitSettings = z.infer<typeof rateLimitSettings>
