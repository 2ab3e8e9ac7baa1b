// Reports a gateway process's CPU time and peak memory to the benchmark on request. Loaded with `--import`.
import { readFileSync } from 'node:fs'
import process from 'node:process'

/**
 * `peakMb` is the highest resident memory since the last request, sampled every 20 ms: of the process and, on Linux, of
 * its child processes.
 */
export type Usage = { readonly cpuMs: number; readonly peakMb: number }

const MB = 1024 * 1024
const EVERY_MS = 20
let peak = 0

function look(): void {
  peak = Math.max(peak, process.memoryUsage.rss() + childrenBytes())
}

const CHILDREN = `/proc/self/task/${process.pid}/children`
const PAGE = 4096

function childrenBytes(): number {
  let sum = 0
  for (const pid of textOf(CHILDREN).split(' '))
    if (pid !== '') sum += Number(textOf(`/proc/${pid}/statm`).split(' ')[1] ?? 0) * PAGE
  return sum
}

/** Returns an empty text when the file is missing. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
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
