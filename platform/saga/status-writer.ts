// Writes the statuses of sagas in the background: of those that pause, that end, or that are in trouble.
import type { PositionedStatus, Statuses } from '#platform/saga/statuses.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type StatusWriter = {
  /**
   * Notes the newest status of a saga. It is written within two seconds, with others: once the saga has ended, is in
   * trouble, or has not moved for a second. So one that runs through its steps is written when it pauses, not with each.
   */
  note(status: PositionedStatus): void
  /** Returns a position before the newest events of all sagas whose status is not written yet. */
  safePosition(): number
  /** Writes what still waits. */
  close(): Promise<void>
}

const FLUSH_MS = 500
const PAUSED_MS = 1_000
/** Statuses in one write. */
const BATCH_SIZE = 500

/** A status and when it was noted. */
type Unwritten = { readonly noted: PositionedStatus; readonly at: number }

type WriterLog = { readonly saga: string; readonly logger: Pick<Logger, 'warn'> | undefined }

/** The state of one writer. */
type WriterState = {
  readonly statuses: Pick<Statuses, 'write'>
  readonly log: WriterLog
  readonly unwritten: Map<string, Unwritten>
  timer: NodeJS.Timeout | undefined
  writing: Promise<void>
  closed: boolean
}

/** Creates a writer that logs failed writes and repeats them. */
export function createStatusWriter(statuses: Pick<Statuses, 'write'>, log: WriterLog): StatusWriter {
  const writer: WriterState = {
    statuses,
    log,
    unwritten: new Map(),
    timer: undefined,
    writing: Promise.resolve(),
    closed: false,
  }
  return {
    note(noted) {
      writer.unwritten.set(noted.status.id, { noted, at: performance.now() })
      schedule(writer)
    },
    safePosition() {
      let safe = Number.POSITIVE_INFINITY
      for (const { noted } of writer.unwritten.values()) safe = Math.min(safe, noted.position - 1)
      return safe
    },
    async close() {
      writer.closed = true
      clearTimeout(writer.timer)
      await writer.writing
      await write(writer, () => true)
    },
  }
}

function schedule(writer: WriterState): void {
  if (writer.timer !== undefined || writer.closed || writer.unwritten.size === 0) return
  writer.timer = setTimeout(() => {
    const pausedSince = performance.now() - PAUSED_MS
    writer.writing = write(writer, ({ noted, at }) => at <= pausedSince || isSettled(noted)).finally(() => {
      writer.timer = undefined
      schedule(writer)
    })
  }, FLUSH_MS)
}

/** True for a status that should be seen at once: the saga has ended, or is in trouble. */
function isSettled({ status }: PositionedStatus): boolean {
  const { phase, pending, timers, stuck, lastError } = status
  const isOver = phase === 'ended' && pending.length === 0 && Object.keys(timers).length === 0
  return isOver || stuck || lastError !== undefined
}

/** Never rejects: what failed stays unwritten. */
async function write(
  { unwritten, statuses, log }: WriterState,
  isDue: (one: Unwritten) => boolean,
): Promise<void> {
  const due = [...unwritten.values()].filter(isDue).map(({ noted }) => noted)
  for (let start = 0; start < due.length; start += BATCH_SIZE) {
    const batch = due.slice(start, start + BATCH_SIZE)
    try {
      await statuses.write(batch)
    } catch (err) {
      const { saga, logger } = log
      return logger?.warn({ err, saga }, `saga status update failed, retrying in ${FLUSH_MS} ms`)
    }
    for (const one of batch) if (unwritten.get(one.status.id)?.noted === one) unwritten.delete(one.status.id)
  }
}
