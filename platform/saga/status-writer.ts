// Writes where sagas stand, and no more often than it takes to lose nothing. Free of what a status means.
import { LRUCache } from 'lru-cache'
import type { SagaStatus } from '#platform/saga/saga.ts'
import type { Statuses } from '#platform/saga/statuses.ts'

export type PlacedStatus = { readonly status: SagaStatus; readonly position: number }

export type StatusWriter = {
  /**
   * Resolves when the statuses may be relied on after a crash. One whose stored document says that a step waits for its
   * answer is written up to half a second later, together with what follows: a new owner reads the histories of those
   * anyway. So a saga that runs through its steps is written twice, not with each of them.
   */
  write(statuses: readonly PlacedStatus[]): Promise<void>
  /** Writes what is still to be written, and writes nothing by itself any more. */
  close(): Promise<void>
}

const LATER_MS = 500
/** Statuses that wait to be written. */
const MAX_WAITING = 5_000
/** Sagas of whose documents it is known what they say; others are written at once. */
const MAX_TOLD = 20_000

/** `onFailed` hears of writes in the background that failed; they are repeated. */
export function createStatusWriter(
  statuses: Pick<Statuses, 'write'>,
  onFailed: (error: unknown) => void,
): StatusWriter {
  /** The newest write of each saga, and whether its document surely says busy now. */
  const told = new LRUCache<string, { readonly position: number; readonly busy: boolean }>({ max: MAX_TOLD })
  let waiting = new Map<string, PlacedStatus>()
  let timer: NodeJS.Timeout | undefined
  let writingLater: Promise<void> = Promise.resolve()
  let closed = false

  async function writeNow(placed: readonly PlacedStatus[]): Promise<void> {
    for (const { status, position } of placed)
      if ((told.get(status.id)?.position ?? 0) <= position) told.set(status.id, { position, busy: false })
    if (placed.length > 0) await statuses.write(placed)
    for (const { status, position } of placed)
      if (told.get(status.id)?.position === position)
        told.set(status.id, { position, busy: status.pending.length > 0 })
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
      const urgent: PlacedStatus[] = []
      for (const one of placed) {
        if (told.get(one.status.id)?.busy) waiting.set(one.status.id, one)
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
