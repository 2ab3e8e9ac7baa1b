// Waits between attempts at what is away. Free of what it is.
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '#platform/telemetry/logger.ts'

const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 5000
const LONGEST_AT_START_MS = 1000

/**
 * Longer after each of `attempts`, five seconds at most; with full jitter, so that all who lost something do not come back
 * to it at once. Ends when `signal` is aborted. Never rejects.
 */
export async function pause(attempts: number, signal: AbortSignal): Promise<void> {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempts)
  await delay(Math.random() * longest, undefined, { signal, ref: false }).catch(() => {})
}

export type Patience = {
  readonly logger: Pick<Logger, 'warn' | 'error'>
  /** Such as `Consul at 10.0.0.1:8500, which DISCOVERY_URL names`. */
  readonly what: string
  readonly patienceMs: number
  /** Whether waiting is no use. */
  readonly isFinal: (error: unknown) => boolean
}

/** Tries until `attempt` succeeds; says once what it waits for. After `patienceMs` it rejects with what the last attempt did. */
export async function waitFor<T>(attempt: () => Promise<T>, patience: Patience): Promise<T> {
  const { logger, what, patienceMs, isFinal } = patience
  const until = performance.now() + patienceMs
  for (let attempts = 0; ; attempts++)
    try {
      return await attempt()
    } catch (error) {
      if (isFinal(error)) throw error
      if (performance.now() > until) {
        logger.error(`given up waiting for ${what} after ${patienceMs / 1000} s`)
        throw error
      }
      if (attempts === 0) logger.warn({ err: error }, `waiting for ${what}, ${patienceMs / 1000} s at most`)
      await delay(Math.random() * Math.min(LONGEST_AT_START_MS, FIRST_WAIT_MS * 2 ** attempts))
    }
}
