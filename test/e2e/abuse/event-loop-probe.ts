// Measures how long a service's event loop was blocked and reports it to the parent. Loaded with `--import`.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import process from 'node:process'

/** Milliseconds since the probe was last started. */
export type EventLoopDelay = {
  /** The longest delay in the loop's histogram, which grows with the load of the machine. */
  readonly delay: number
  /** The most CPU time that the main thread spent in one turn of the loop, which does not. */
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

/** Returns the CPU time of this thread, without those of compilers and garbage collectors. */
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
