// The `reload` section of the settings file.
import { z } from 'zod'

const count = z.number().int().positive()

export const reloadSettings = z.strictObject({
  /** The time between two reads of the file or URL; 0 turns polling off and leaves the file watcher and SIGHUP. */
  pollMs: z.number().int().min(0).default(10_000),
  /** How long the start waits for a URL that does not respond yet. */
  waitMs: z.number().int().min(0).default(60_000),
  /** The timeout of one read of the URL. */
  timeoutMs: count.default(10_000),
  /** A longer supergraph is refused. */
  maxBytes: count.default(32 * 1024 * 1024),
  /** The number of operations that are planned on a new supergraph before it is served, the most used first. */
  warmOperations: z.number().int().min(0).default(500),
  /** The time limit for that; the rest is planned on demand. */
  warmMs: z.number().int().min(0).default(5_000),
})

export type ReloadSettings = z.infer<typeof reloadSettings>
