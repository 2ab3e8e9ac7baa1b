// What an operator sets of rate limits. Free of requests.
import { z } from 'zod'

export const rateLimitSettings = z.strictObject({
  /** What a client may spend at once; an operation costs its estimate, and 1 at least. */
  capacity: z.number().min(1),
  /** What it gets back each second. */
  perSecond: z.number().positive(),
  /** A header that says who the client is, where something that is trusted sets it. */
  header: z.string().min(1).toLowerCase().optional(),
})

export type RateLimitSettings = z.infer<typeof rateLimitSettings>
