// Loaded before a service's own program (--import): tells its parent, on request, how long its event loop was held.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import process from 'node:process'

/** Milliseconds since the probe was last asked to begin. */
export type EventLoopDelay = {
  /** The longest delay that the loop's own histogram saw: it grows with whatever else the machine does. */
  readonly delay: number
  /** The most processor time that the main thread spent in one turn of the loop: it does not. */
  readonly turn: number
}

const histogram = monitorEventLoopDelay({ resolution: 1 })
let turn = 0
let watching = false

function watchTurns(before: number): void {
  setImmediate(() => {
    const now = spent()
    turn = Math.max(turn, now - before)
    if (watching) watchTurns(spent())
  })
}

/** The processor time of this thread alone: compilers and collectors on others hold nobody. */
function spent(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

process.on('message', message => {
  if (message === 'begin') {
    turn = 0
    histogram.reset()
    histogram.enable()
    watching = true
    watchTurns(spent())
    process.send?.('begun')
  }
  if (message === 'end') {
    histogram.disable()
    watching = false
    process.send?.({ delay: histogram.max / 1e6, turn } satisfies EventLoopDelay)
  }
})
process.channel?.unref()
