// A bell that one loop waits for and anybody rings. Free of what it is about.

export type Bell = {
  /** Wakes the waiter, or the next one if nobody waits. */
  ring(): void
  /** True at the first ring since the last wait, false after `ms`. For one waiter at a time. */
  wait(ms: number): Promise<boolean>
}

export function createBell(): Bell {
  let rung = false
  let wake: (() => void) | undefined
  return {
    ring() {
      rung = true
      wake?.()
    },
    wait(ms) {
      return new Promise(resolve => {
        const done = () => {
          clearTimeout(timer)
          const wasRung = rung
          wake = undefined
          rung = false
          resolve(wasRung)
        }
        const timer = setTimeout(done, ms)
        wake = done
        if (rung) done()
      })
    },
  }
}

/** A duration around `ms`, a fifth either way, so that many loops do not beat in time. */
export function jittered(ms: number): number {
  return ms * (0.8 + Math.random() * 0.4)
}

/** Full jitter: anything up to `base` doubled with each attempt (from 0), at most `cap` (AWS Architecture Blog, 2015). */
export function fullJitter(attempt: number, base: number, cap: number): number {
  return Math.random() * Math.min(cap, base * 2 ** attempt)
}
