// What an operator sets of authorization. Free of tokens and schemas.
import { z } from 'zod'

export const authorizationSettings = z.strictObject({
  /** `filter`: what the caller may not see is left out and reported; `reject`: the operation is refused. */
  mode: z.enum(['filter', 'reject']).default('filter'),
  /** Claims of the token that hold its scopes, all together. */
  scopeClaims: z.array(z.string().min(1)).default(['scope', 'scp', 'role']),
  /** Claims of the token that hold the names of policies that it meets. */
  policyClaims: z.array(z.string().min(1)).default(['policies']),
  /** Policies that are met by scopes: all of one of the lists. An empty list in it is met by everybody. */
  policies: z.record(z.string(), z.array(z.array(z.string()))).default({}),
})

export type AuthorizationSettings = z.infer<typeof authorizationSettings>

export const DEFAULT_AUTHORIZATION: AuthorizationSettings = authorizationSettings.parse({})
