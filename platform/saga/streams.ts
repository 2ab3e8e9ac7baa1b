// Names the streams of sagas, and works on many of them in batches.
import type { StreamId } from '#platform/event-store/event-store.ts'

export function streamOf(saga: string, sagaId: string): StreamId {
  return `${saga}-${sagaId}`
}

export function idOf(saga: string, stream: StreamId): string {
  return stream.slice(saga.length + 1)
}

/** Streams read at once, so that a burst leaves database sessions to others. */
const BATCH_SIZE = 16

export async function inBatches<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < items.length; start += BATCH_SIZE)
    await Promise.all(items.slice(start, start + BATCH_SIZE).map(work))
}
