// Keeps the newest events that this process wrote in memory, so that its consumers need not read them back.
import type { LogRange, RecordedEvent } from '#platform/event-store/event-store.ts'

/** The matching events after a position, and the position up to which the log was searched for them. */
export type LogSlice = { readonly events: readonly RecordedEvent[]; readonly scannedTo: number }

export type LogTail = {
  /** Adds committed events with consecutive positions. What is before a gap, which another process filled, is dropped. */
  add(events: readonly RecordedEvent[]): void
  /**
   * Returns the matching events after a position, if the tail holds all of them up to its end; an empty slice when the
   * position is its end; undefined when the database must be read. It does not know what other processes wrote last.
   */
  read(range: LogRange): LogSlice | undefined
}

/** Keeps at most `capacity` events. */
export function createLogTail(capacity = 2_000): LogTail {
  let held: RecordedEvent[] = []

  return {
    add(events) {
      const [first] = events
      if (!first) return
      if (first.position !== (held.at(-1)?.position ?? 0) + 1) held = []
      held.push(...events)
      // Trimmed rarely, and by half, so that adding stays cheap.
      if (held.length > capacity) held = held.slice(-Math.ceil(capacity / 2))
    },
    read({ after, limit, categories }) {
      const [first] = held
      const end = held.at(-1)?.position
      if (!first || end === undefined || after > end || after < first.position - 1) return undefined
      const rest = held.slice(after - first.position + 1)
      const events = (categories ? rest.filter(event => categories.includes(categoryOf(event))) : rest).slice(
        0,
        limit,
      )
      return { events, scannedTo: events.length < limit ? end : (events.at(-1)?.position ?? end) }
    },
  }
}

function categoryOf({ stream }: RecordedEvent): string {
  return stream.slice(0, stream.indexOf('-'))
}
