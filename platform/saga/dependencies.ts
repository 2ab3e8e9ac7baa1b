// Defines the dependencies that the parts of a saga runner share, and the names of its streams.
import type { EventStore, StreamId } from '#platform/event-store/event-store.ts'
import type { SagaPolicy } from '#platform/saga/attempt.ts'
import type { HistoryReducer } from '#platform/saga/history.ts'
import type { Journal } from '#platform/saga/journal.ts'
import type { Call, StepResponse } from '#platform/saga/saga.ts'
import type { Statuses } from '#platform/saga/statuses.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type SagaDependencies<State> = {
  readonly store: EventStore
  /** The name of the definition, which is the category of the streams. */
  readonly saga: string
  readonly reducer: HistoryReducer<State>
  readonly journal: Journal
  readonly statuses: Statuses
  readonly perform: (call: Call) => Promise<StepResponse>
  readonly policy: SagaPolicy | undefined
  readonly logger: Pick<Logger, 'warn'> | undefined
  readonly now: () => Date
}

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
