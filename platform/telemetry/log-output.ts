// Writes log lines in the background with sonic-boom, as pino does: a full disk, a closed pipe or a stalled reader loses lines
// and stops nothing else.
import { once } from 'node:events'
import process from 'node:process'
import sonicBoom, { type SonicBoom } from 'sonic-boom'
import { counter } from '#platform/telemetry/metrics.ts'

export type LogOutput = {
  /** Never throws and never waits. A line for which there is no room is lost and counted. */
  write(line: string): void
  /** Takes no more lines, and resolves once those before are written or a write has failed. */
  finish(): Promise<void>
}

type LogOutputOptions = {
  /** An open file: 1 is standard output. */
  readonly fd: number
  /** Called with the number of lost lines, once everything that waited has been written. */
  readonly onResumed: (lost: number) => void
}

/** Lines beyond these that wait to be written are lost. */
const MAX_WAITING_BYTES = 1024 * 1024
const RETRY_MS = 500

/** Lines that still wait when the process ends are written then, if the file takes them. */
export function openLogOutput({ fd, onResumed }: LogOutputOptions): LogOutput {
  const failures = counter('waybill_log_write_failures_total', 'Writes of log lines that failed', ['code'])
  const losses = counter('waybill_log_lines_lost_total', 'Log lines that could not be written')
  const stream = new sonicBoom.SonicBoom({ fd, sync: false, maxLength: MAX_WAITING_BYTES })
  let lost = 0
  let waiting = false
  let finished = false
  let retry: NodeJS.Timeout | undefined
  stream.on('error', (error: NodeJS.ErrnoException) => {
    failures.inc({ code: error.code ?? 'unknown' })
    // There is always room for an empty line, and writing it flushes what waits.
    retry ??= setInterval(() => stream.write(''), RETRY_MS).unref()
  })
  stream.on('drop', () => {
    lost++
    losses.inc()
  })
  stream.on('write', (bytes: number) => {
    if (bytes === 0) return
    clearInterval(retry)
    retry = undefined
  })
  stream.on('drain', () => {
    waiting = false
    if (lost === 0) return
    const before = lost
    lost = 0
    onResumed(before)
  })
  process.once('exit', () => flush(stream))
  return {
    write(line) {
      if (finished) return
      waiting = true
      stream.write(line)
    },
    async finish() {
      finished = true
      // once() rejects if a write fails.
      if (waiting) await once(stream, 'drain').catch(() => {})
    },
  }
}

function flush(stream: SonicBoom): void {
  try {
    stream.flushSync()
  } catch {
    // The process ends, and this was the log: the error cannot be reported.
  }
}
