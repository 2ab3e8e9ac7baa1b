// What the parts of one saga runner share, and how its streams are named. Free of behaviour.
import type { EventStore, StreamId } from '#platform/event-store/event-store.ts'
import type { SagaPolicy } from '#platform/saga/attempt.ts'
import type { Folder } from '#platform/saga/history.ts'
import type { Journal } from '#platform/saga/journal.ts'
import type { Call, SagaDefinition, SagaEvent, StepAnswer } from '#platform/saga/saga.ts'
import type { Statuses } from '#platform/saga/statuses.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type SagaDesk<State> = {
  readonly store: EventStore
  readonly definition: Pick<SagaDefinition<State, SagaEvent>, 'name' | 'phase'>
  readonly folder: Folder<State>
  readonly journal: Journal
  readonly statuses: Statuses
  readonly perform: (call: Call) => Promise<StepAnswer>
  readonly policy: SagaPolicy | undefined
  readonly logger: Pick<Logger, 'warn' | 'debug'> | undefined
  readonly now: () => Date
}

export function streamOf(saga: string, sagaId: string): StreamId {
  return `${saga}-${sagaId}`
}

export function idOf(saga: string, stream: StreamId): string {
  return stream.slice(saga.length + 1)
}

/** Reads of streams at once, so that a burst leaves sessions to others. */
const AT_ONCE = 16

export async function inTurns<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < items.length; start += AT_ONCE)
    await Promise.all(items.slice(start, start + AT_ONCE).map(work))
}
