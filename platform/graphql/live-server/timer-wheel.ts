// One timer for all deadlines of live connections: heartbeats, expiries, patience. Free of what they are for.

/** A wait that may be cancelled. Its place is a set, so that a cancelled one leaves nothing behind. */
export type WheelTimer = { readonly tick: number; readonly work: () => void }

export type TimerWheel = {
  /** Calls `work` once, after at least `ms` and at most two ticks more. `work` must not throw. */
  after(ms: number, work: () => void): WheelTimer
  /** Of one that has come, or was cancelled before, nothing happens. */
  cancel(deadline: WheelTimer | undefined): void
  /** Deadlines that are still to come. */
  size(): number
}

const TICK_MS = 25

/**
 * Ten thousand connections need one interval instead of twenty thousand timers. It runs while there are deadlines and
 * keeps no process alive. Time is monotonic: a clock that is set does not move them.
 */
export function createTimerWheel(): TimerWheel {
  const ticks = new Map<number, Set<WheelTimer>>()
  let size = 0
  let past = 0
  let timer: NodeJS.Timeout | undefined

  function turn(): void {
    const now = Math.floor(performance.now() / TICK_MS)
    while (past < now && size > 0) {
      past += 1
      const due = ticks.get(past)
      if (due === undefined) continue
      for (const deadline of due) {
        due.delete(deadline)
        size -= 1
        deadline.work()
      }
      ticks.delete(past)
    }
    if (size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  function start(): void {
    past = Math.floor(performance.now() / TICK_MS)
    timer = setInterval(turn, TICK_MS).unref()
  }

  return {
    after(ms, work) {
      if (timer === undefined) start()
      const deadline = { tick: Math.floor((performance.now() + Math.max(0, ms)) / TICK_MS) + 1, work }
      const there = ticks.get(deadline.tick)
      if (there) there.add(deadline)
      else ticks.set(deadline.tick, new Set([deadline]))
      size += 1
      return deadline
    },
    cancel(deadline) {
      if (deadline === undefined) return
      const there = ticks.get(deadline.tick)
      if (!there?.delete(deadline)) return
      size -= 1
      if (there.size === 0) ticks.delete(deadline.tick)
    },
    size: () => size,
  }
}
