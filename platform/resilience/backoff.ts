// Delays between attempts with jitter, and a signal that ends a loop's wait early.
import { setTimeout as delay } from 'node:timers/promises'

/** Wakes one loop; a notification while nobody waits is kept for the next wait. */
export type WakeSignal = {
  /** Wakes the loop that waits, or ends its next wait at once. */
  notify(): void
  /** Resolves to true when notified since the last wait, to false after `ms`, if given. One loop may wait at a time. */
  wait(ms?: number): Promise<boolean>
}

export function createWakeSignal(): WakeSignal {
  let notified = false
  let wake: (() => void) | undefined
  return {
    notify() {
      notified = true
      wake?.()
    },
    wait(ms) {
      return new Promise(resolve => {
        const done = () => {
          clearTimeout(timer)
          const wasNotified = notified
          wake = undefined
          notified = false
          resolve(wasNotified)
        }
        const timer = ms === undefined ? undefined : setTimeout(done, ms)
        wake = done
        if (notified) done()
      })
    },
  }
}

/** Returns a duration within a fifth of `ms`, so that many loops do not run in step. */
export function jittered(ms: number): number {
  return ms * (0.8 + Math.random() * 0.4)
}

/** Returns a random delay up to `base` doubled with each attempt (from 0), at most `cap` (full jitter: AWS Architecture Blog, 2015). */
export function fullJitter(attempt: number, base: number, cap: number): number {
  return Math.random() * Math.min(cap, base * 2 ** attempt)
}

/** Waits up to 100 ms doubled with each of `attempts`, at most 5 s, with full jitter. Ends early, without an error, when `signal` is aborted. */
export async function backOff(attempts: number, signal: AbortSignal): Promise<void> {
  await pauseUnlessAborted(fullJitter(attempts, 100, 5000), signal)
}

/** Waits for `ms`, or until `signal` is aborted. Never rejects and does not keep the process alive. Does not wait for 0 ms or less. */
export async function pauseUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return
  try {
    await delay(ms, undefined, { signal, ref: false })
  } catch {
    // Only an abort ends the delay early: the caller looks at its signal.
  }
}
