// Projects the events of one aggregate into documents of a view.
import type { Aggregate, DomainEvent } from '#platform/event-store/aggregate.ts'
import { createCodec } from '#platform/event-store/codec.ts'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import type { Change } from '#platform/read-models/projection.ts'

/** The id of the aggregate that the event is of, the event's position in the log, and when it was recorded. */
type Origin = { readonly id: string; readonly position: number; readonly recordedAt: string }

/** Returns the `project` of a view. Events of types that this build does not know change nothing. */
export function projectEvents<State, Event extends DomainEvent, Doc>(
  aggregate: Aggregate<State, Event>,
  changes: (event: Event, origin: Origin) => readonly Change<Doc>[],
): (recorded: RecordedEvent) => readonly Change<Doc>[] {
  const codec = createCodec(aggregate)
  return recorded => {
    const event = codec.decode(recorded)
    const { stream, position, recordedAt } = recorded
    return event
      ? changes(event, { id: stream.slice(aggregate.category.length + 1), position, recordedAt })
      : []
  }
}
