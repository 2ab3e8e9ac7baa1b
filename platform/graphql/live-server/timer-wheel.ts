// Schedules the many timeouts of live connections (heartbeats, token expiry, initialisation) on one interval.

/** A timeout that may be cancelled, which leaves nothing of it behind. */
export type WheelTimer = { readonly tick: number; readonly work: () => void }

export type TimerWheel = {
  /** Calls `work` once, after at least `ms` and at most two ticks more. `work` must not throw. */
  after(ms: number, work: () => void): WheelTimer
  /** Does nothing for a timer that has run or was cancelled before. */
  cancel(timer: WheelTimer | undefined): void
  /** Returns how many timers are still to run. */
  size(): number
}

const TICK_MS = 25

/**
 * Ten thousand connections need one interval instead of twenty thousand timers. It runs while there are timers, and
 * keeps no process alive. Time is monotonic: setting the clock does not move them.
 */
export function createTimerWheel(): TimerWheel {
  const ticks = new Map<number, Set<WheelTimer>>()
  let size = 0
  let lastTick = 0
  let interval: NodeJS.Timeout | undefined

  function tick(): void {
    const now = Math.floor(performance.now() / TICK_MS)
    while (lastTick < now && size > 0) {
      lastTick += 1
      const due = ticks.get(lastTick)
      if (due === undefined) continue
      for (const timer of due) {
        due.delete(timer)
        size -= 1
        timer.work()
      }
      ticks.delete(lastTick)
    }
    if (size > 0) return
    clearInterval(interval)
    interval = undefined
  }

  function start(): void {
    lastTick = Math.floor(performance.now() / TICK_MS)
    interval = setInterval(tick, TICK_MS).unref()
  }

  return {
    after(ms, work) {
      if (interval === undefined) start()
      const timer = { tick: Math.floor((performance.now() + Math.max(0, ms)) / TICK_MS) + 1, work }
      const timers = ticks.get(timer.tick)
      if (timers) timers.add(timer)
      else ticks.set(timer.tick, new Set([timer]))
      size += 1
      return timer
    },
    cancel(timer) {
      if (timer === undefined) return
      const timers = ticks.get(timer.tick)
      if (!timers?.delete(timer)) return
      size -= 1
      if (timers.size === 0) ticks.delete(timer.tick)
    },
    size: () => size,
  }
}
