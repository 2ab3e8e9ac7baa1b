// Encodes domain events for the store and decodes stored ones, lifting older schemas with upcasters.
import { OperatorError } from '#platform/domain/errors.ts'
import type { Aggregate, DomainEvent } from '#platform/event-store/aggregate.ts'
import type { NewEvent, RecordedEvent } from '#platform/event-store/event-store.ts'

export type Codec<Event extends DomainEvent> = {
  encode(event: Event): NewEvent
  /**
   * Returns the event lifted to the newest schema; undefined for a type that the aggregate does not list. Throws
   * OperatorError EVENT_FROM_NEWER_BUILD for a schema that this build does not know.
   */
  decode(recorded: RecordedEvent): Event | undefined
}

/** Throws OperatorError UPCASTER_MISSING if an older schema of a listed type has no upcaster. */
export function createCodec<State, Event extends DomainEvent>(
  aggregate: Pick<Aggregate<State, Event>, 'types' | 'schemas' | 'upcasters'>,
): Codec<Event> {
  const { types, schemas = {}, upcasters = {} } = aggregate
  const listed = new Set<string>(types)
  const missing = types.flatMap(type =>
    range(1, schemas[type] ?? 1)
      .map(schema => `${type}@${schema}`)
      .filter(key => !upcasters[key]),
  )
  if (missing.length > 0)
    throw new OperatorError(
      'UPCASTER_MISSING',
      `events of older schemas have no upcaster: ${missing.join(', ')}`,
    )

  return {
    encode: ({ type, data }) => ({ type, schema: schemas[type] ?? 1, data }),
    decode(recorded) {
      const { type, schema, stream, version } = recorded
      if (!listed.has(type)) return undefined
      const newest = schemas[type] ?? 1
      if (schema > newest)
        throw new OperatorError(
          'EVENT_FROM_NEWER_BUILD',
          `${type} at version ${version} of ${stream} has schema ${schema}, and this build knows ${newest}: run the newer build`,
        )
      let { data } = recorded
      for (let from = schema; from < newest; from++) data = upcasters[`${type}@${from}`]?.(data) ?? data
      // The type is one of the aggregate's, and the data is of its newest schema: that is the domain's event.
      return { type, data } as Event
    },
  }
}

/** Returns the numbers from `start` (included) to `end` (excluded). */
function range(start: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - start) }, (_, index) => start + index)
}
