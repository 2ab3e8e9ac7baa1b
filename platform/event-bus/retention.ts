// How long messages of the bus are kept, and their deletion again and again. Free of where they are.
import { setTimeout as delay } from 'node:timers/promises'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { jittered } from '#platform/resilience/backoff.ts'

export type RetentionOptions = {
  /** How long messages are kept; 7 days when left out. What a living group has yet to get is kept longer. */
  readonly retentionMs?: number
  /** How often old messages are deleted; 10 minutes when left out. */
  readonly trimEveryMs?: number
}

const RETENTION_MS = 7 * 86_400_000
const TRIM_EVERY_MS = 600_000

/** Calls `trim` now and then, not at the same moment as other processes. Disposing waits for the one under way. */
export function startRetention(
  trim: (retentionMs: number) => Promise<unknown>,
  {
    retentionMs = RETENTION_MS,
    trimEveryMs = TRIM_EVERY_MS,
    logger,
  }: RetentionOptions & { readonly logger?: StoreLogger | undefined },
): AsyncDisposable {
  const closing = new AbortController()
  const { signal } = closing
  async function trimOn(): Promise<void> {
    while (!signal.aborted) {
      await delay(jittered(trimEveryMs), undefined, { signal, ref: false }).catch(() => {})
      if (signal.aborted) return
      await trim(retentionMs).catch((err: unknown) =>
        logger?.warn({ err }, 'old messages of the bus could not be deleted'),
      )
    }
  }
  const running = trimOn()
  return {
    async [Symbol.asyncDispose]() {
      closing.abort()
      await running
    },
  }
}
