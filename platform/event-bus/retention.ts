// Deletes old messages of the bus now and then.
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { jittered, pauseUnlessAborted } from '#platform/resilience/backoff.ts'

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
  const closing = new AbortController()
  const { signal } = closing
  async function run(): Promise<void> {
    while (!signal.aborted) {
      await pauseUnlessAborted(jittered(trimEveryMs), signal)
      if (signal.aborted) return
      await deleteOld(retentionMs).catch((err: unknown) =>
        logger?.warn({ err }, `old bus messages not deleted, retrying in ${trimEveryMs} ms`),
      )
    }
  }
  const running = run()
  return {
    async [Symbol.asyncDispose]() {
      closing.abort()
      await running
    },
  }
}
