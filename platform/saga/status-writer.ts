// Writes the statuses of sagas, no more often than recovery after a crash needs.
import { LRUCache } from 'lru-cache'
import type { SagaStatus } from '#platform/saga/saga.ts'
import type { Statuses } from '#platform/saga/statuses.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type PositionedStatus = { readonly status: SagaStatus; readonly position: number }

export type StatusWriter = {
  /**
   * Resolves when a new owner can rely on the statuses after a crash. A saga whose stored status already says that a step
   * is pending is written up to half a second later, together with what follows, since a new owner reads its history
   * anyway. So a saga that runs through its steps is written twice, not with each of them.
   */
  write(statuses: readonly PositionedStatus[]): Promise<void>
  /** Writes what still waits, and stops writing in the background. */
  close(): Promise<void>
}

const LATER_MS = 500
/** Statuses that wait to be written. */
const MAX_WAITING = 5_000
/** Sagas whose stored status is known; others are written at once. */
const MAX_KNOWN = 20_000

/** Returns what logs the writes in the background that failed. */
export function reportFailedWrites(
  saga: string,
  logger: Pick<Logger, 'warn'> | undefined,
): (error: unknown) => void {
  return error => logger?.warn({ err: error, saga }, `saga status update failed, retrying in ${LATER_MS} ms`)
}

/** Writes in the background that fail are reported to `onFailed` and repeated. */
export function createStatusWriter(
  statuses: Pick<Statuses, 'write'>,
  onFailed: (error: unknown) => void,
): StatusWriter {
  /** The newest write of each saga, and whether its stored status surely says busy now. */
  const written = new LRUCache<string, { readonly position: number; readonly busy: boolean }>({
    max: MAX_KNOWN,
  })
  let waiting = new Map<string, PositionedStatus>()
  let timer: NodeJS.Timeout | undefined
  let writingLater: Promise<void> = Promise.resolve()
  let closed = false

  async function writeNow(placed: readonly PositionedStatus[]): Promise<void> {
    for (const { status, position } of placed)
      if ((written.get(status.id)?.position ?? 0) <= position)
        written.set(status.id, { position, busy: false })
    if (placed.length > 0) await statuses.write(placed)
    for (const { status, position } of placed)
      if (written.get(status.id)?.position === position)
        written.set(status.id, { position, busy: status.pending.length > 0 })
  }

  async function writeWaiting(): Promise<void> {
    const now = waiting
    waiting = new Map()
    try {
      await writeNow([...now.values()])
    } catch (error) {
      for (const [id, placed] of now) if (!waiting.has(id)) waiting.set(id, placed)
      throw error
    }
  }

  function writeLater(): void {
    if (timer !== undefined || closed || waiting.size === 0) return
    timer = setTimeout(() => {
      timer = undefined
      writingLater = writeWaiting().catch(onFailed).finally(writeLater)
    }, LATER_MS)
  }

  return {
    async write(placed) {
      const urgent: PositionedStatus[] = []
      for (const one of placed) {
        if (written.get(one.status.id)?.busy) waiting.set(one.status.id, one)
        else urgent.push(one)
      }
      await writeNow(urgent)
      if (waiting.size >= MAX_WAITING) await writeWaiting()
      writeLater()
    },
    async close() {
      closed = true
      clearTimeout(timer)
      await writingLater
      await writeWaiting().catch(onFailed)
    },
  }
}
