// Loaded into each gateway's process by the benchmark: answers its parent with what the process has used. Changes nothing else.
import process from 'node:process'

/** `peakMb` is the most resident memory since the last question, looked at every 20 ms. */
export type Usage = { readonly cpuMs: number; readonly peakMb: number }

const MB = 1024 * 1024
const EVERY_MS = 20
let peak = 0

function look(): void {
  peak = Math.max(peak, process.memoryUsage.rss())
}

if (process.send) {
  setInterval(look, EVERY_MS).unref()
  process.on('message', (message: unknown) => {
    if (message !== 'usage') return
    look()
    const { user, system } = process.cpuUsage()
    process.send?.({ cpuMs: (user + system) / 1000, peakMb: peak / MB } satisfies Usage)
    peak = 0
  })
  process.channel?.unref()
  process.once('disconnect', () => process.exit())
}
