// The timers of sagas that are due soon, in memory. Recovery finds all others in time by their status.

export type SagaTimer = { readonly sagaId: string; readonly timer: string; readonly dueAt: string }

type Timers = {
  /** Fires at `dueAt`, or at once when that has passed. A timer beyond the horizon, or above the bound, is left for recovery. */
  start(timer: SagaTimer, fire: () => Promise<void>): void
  cancel(sagaId: string, timer: string): void
  stop(): Promise<void>
}

/** How far ahead timers are held in memory. Recovery must sweep more often. */
export const HORIZON_MS = 60_000
const MAX_TIMERS = 20_000

/** A timer whose firing fails is forgotten and reported to `onFailed`; the next sweep starts it again. */
export function createTimers(now: () => Date, onFailed: (error: unknown) => void): Timers {
  const waiting = new Map<string, NodeJS.Timeout>()
  const firing = new Map<string, Promise<void>>()
  let stopped = false
  const keyOf = (sagaId: string, timer: string) => `${sagaId}:${timer}`

  function fireNow(key: string, fire: () => Promise<void>): void {
    waiting.delete(key)
    const fired = fire().catch(onFailed)
    firing.set(
      key,
      fired.finally(() => firing.delete(key)),
    )
  }

  return {
    start({ sagaId, timer, dueAt }, fire) {
      const key = keyOf(sagaId, timer)
      const wait = Date.parse(dueAt) - now().getTime()
      const isKnown = waiting.has(key) || firing.has(key)
      if (stopped || isKnown || wait > HORIZON_MS || waiting.size >= MAX_TIMERS) return
      waiting.set(
        key,
        setTimeout(() => fireNow(key, fire), Math.max(0, wait)),
      )
    },
    cancel(sagaId, timer) {
      const key = keyOf(sagaId, timer)
      clearTimeout(waiting.get(key))
      waiting.delete(key)
    },
    async stop() {
      stopped = true
      for (const handle of waiting.values()) clearTimeout(handle)
      waiting.clear()
      await Promise.all(firing.values())
    },
  }
}
