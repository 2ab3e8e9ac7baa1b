// Writes the statuses of sagas, no more often than recovery after a crash needs.
import { LRUCache } from 'lru-cache'
import type { PositionedStatus, Statuses } from '#platform/saga/statuses.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

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

type WriterLog = { readonly saga: string; readonly logger: Pick<Logger, 'warn'> | undefined }

/** The state of one writer. */
type WriterState = {
  readonly statuses: Pick<Statuses, 'write'>
  readonly log: WriterLog
  /** The newest write of each saga, and whether its stored status surely says busy now. */
  readonly written: LRUCache<string, { readonly position: number; readonly busy: boolean }>
  waiting: Map<string, PositionedStatus>
  timer: NodeJS.Timeout | undefined
  writingLater: Promise<void>
  closed: boolean
}

/** Creates a writer that logs failed writes in the background and repeats them. */
export function createStatusWriter(statuses: Pick<Statuses, 'write'>, log: WriterLog): StatusWriter {
  const writer: WriterState = {
    statuses,
    log,
    written: new LRUCache({ max: MAX_KNOWN }),
    waiting: new Map(),
    timer: undefined,
    writingLater: Promise.resolve(),
    closed: false,
  }
  return { write: positioned => write(writer, positioned), close: () => close(writer) }
}

async function write(writer: WriterState, positioned: readonly PositionedStatus[]): Promise<void> {
  const urgent: PositionedStatus[] = []
  for (const one of positioned) {
    if (writer.written.get(one.status.id)?.busy) writer.waiting.set(one.status.id, one)
    else urgent.push(one)
  }
  await writeNow(writer, urgent)
  if (writer.waiting.size >= MAX_WAITING) await writeWaiting(writer)
  writeLater(writer)
}

async function writeNow(
  { statuses, written }: WriterState,
  positioned: readonly PositionedStatus[],
): Promise<void> {
  for (const { status, position } of positioned)
    if ((written.get(status.id)?.position ?? 0) <= position) written.set(status.id, { position, busy: false })
  if (positioned.length > 0) await statuses.write(positioned)
  for (const { status, position } of positioned)
    if (written.get(status.id)?.position === position)
      written.set(status.id, { position, busy: status.pending.length > 0 })
}

async function writeWaiting(writer: WriterState): Promise<void> {
  const now = writer.waiting
  writer.waiting = new Map()
  try {
    await writeNow(writer, [...now.values()])
  } catch (error) {
    for (const [id, status] of now) if (!writer.waiting.has(id)) writer.waiting.set(id, status)
    throw error
  }
}

function writeLater(writer: WriterState): void {
  if (writer.timer !== undefined || writer.closed || writer.waiting.size === 0) return
  writer.timer = setTimeout(() => {
    writer.timer = undefined
    writer.writingLater = writeInBackground(writer).finally(() => writeLater(writer))
  }, LATER_MS)
}

async function close(writer: WriterState): Promise<void> {
  writer.closed = true
  clearTimeout(writer.timer)
  await writer.writingLater
  await writeInBackground(writer)
}

async function writeInBackground(writer: WriterState): Promise<void> {
  const { saga, logger } = writer.log
  await writeWaiting(writer).catch(err =>
    logger?.warn({ err, saga }, `saga status update failed, retrying in ${LATER_MS} ms`),
  )
}
