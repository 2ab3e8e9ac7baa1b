// The `authorization` section of the settings file.
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
