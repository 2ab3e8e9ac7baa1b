// What an operator sets about where the supergraph comes from while the gateway runs. Free of the environment.
import { z } from 'zod'

const count = z.number().int().positive()

export const reloadSettings = z.strictObject({
  /** Between two looks at the file or URL; 0 never looks, and leaves it to the file's watch and to SIGHUP. */
  pollMs: z.number().int().min(0).default(10_000),
  /** At the start, for a URL that does not give one yet. */
  waitMs: z.number().int().min(0).default(60_000),
  /** For one answer of the URL, whole. */
  timeoutMs: count.default(10_000),
  /** A longer supergraph is refused. */
  maxBytes: count.default(32 * 1024 * 1024),
  /** Operations that are planned on a new supergraph before it is served, the most used first. */
  warmOperations: z.number().int().min(0).default(500),
  /** When that takes longer, the rest is planned as it is asked for. */
  warmMs: z.number().int().min(0).default(5_000),
})

export type ReloadSettings = z.infer<typeof reloadSettings>
