// The `rateLimit` section of the settings file.
import { z } from 'zod'

export const rateLimitSettings = z.strictObject({
  /** The cost that a client may spend at once; an operation costs its estimate, at least 1. */
  capacity: z.number().min(1),
  /** The cost that the client regains each second. */
  perSecond: z.number().positive(),
  /** A header that identifies the client, where a trusted proxy sets it. */
  header: z.string().min(1).toLowerCase().optional(),
})

export type RateLimitSettings = z.infer<typeof rateLimitSettings>
