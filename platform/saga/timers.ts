// The timers of sagas that are due soon, in memory; all others are found in time by their status. Free of storage.

export type Timers = {
  /** Fires at `dueAt`, at once when that is past. Beyond the horizon, or when there are too many, it is left for a later sweep. */
  start(sagaId: string, timer: string, dueAt: string, fire: () => Promise<void>): void
  cancel(sagaId: string, timer: string): void
  stop(): Promise<void>
}

/** How far ahead timers are held in memory. Sweeps must come more often. */
export const HORIZON_MS = 60_000
const MAX_TIMERS = 20_000

/** A timer whose firing fails is forgotten, so that the next sweep starts it again; `onFailed` hears of it. */
export function createTimers(now: () => Date, onFailed: (error: unknown) => void): Timers {
  const waiting = new Map<string, NodeJS.Timeout>()
  const firing = new Map<string, Promise<void>>()
  let stopped = false
  const keyOf = (sagaId: string, timer: string) => `${sagaId}:${timer}`

  return {
    start(sagaId, timer, dueAt, fire) {
      const key = keyOf(sagaId, timer)
      const wait = Date.parse(dueAt) - now().getTime()
      const isKnown = waiting.has(key) || firing.has(key)
      if (stopped || isKnown || wait > HORIZON_MS || waiting.size >= MAX_TIMERS) return
      const handle = setTimeout(
        () => {
          waiting.delete(key)
          firing.set(
            key,
            fire()
              .catch(onFailed)
              .finally(() => firing.delete(key)),
          )
        },
        Math.max(0, wait),
      )
      waiting.set(key, handle)
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
