// Deletes old messages of the bus now and then.
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { startPeriodicTask } from '#platform/resilience/periodic-task.ts'

export type RetentionOptions = {
  /** How long messages are kept; 7 days by default. What an active group has yet to get is kept longer. */
  readonly retentionMs?: number
  /** How often old messages are deleted; 10 minutes by default. */
  readonly trimEveryMs?: number
}

const RETENTION_MS = 7 * 86_400_000
const TRIM_EVERY_MS = 600_000

/** Calls `deleteOld` again and again, with jitter. Disposing waits for the call in flight. */
export function startRetention(
  deleteOld: (retentionMs: number) => Promise<unknown>,
  options: RetentionOptions & { readonly logger?: StoreLogger | undefined },
): AsyncDisposable {
  const { retentionMs = RETENTION_MS, trimEveryMs = TRIM_EVERY_MS, logger } = options
  return startPeriodicTask({
    run: () => deleteOld(retentionMs),
    everyMs: trimEveryMs,
    first: 'after-pause',
    jitter: 0.2,
    onError: err => logger?.warn({ err }, `old bus messages not deleted, retrying in ${trimEveryMs} ms`),
  })
}
