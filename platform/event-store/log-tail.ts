// Keeps the newest events that this process wrote in memory, so that its consumers need not read them back.
import type { LogRange, RecordedEvent } from '#platform/event-store/event-store.ts'

/** The matching events after a position, and the position up to which the log was searched for them. */
export type LogSlice = { readonly events: readonly RecordedEvent[]; readonly scannedTo: number }

export type LogTail = {
  /** Adds committed events with consecutive positions. Groups may come in any order. */
  add(events: readonly RecordedEvent[]): void
  /**
   * Returns the matching events after a position, if the tail holds all of them up to its end; an empty slice when the
   * position is its end; undefined when the database must be read. It does not know what other processes wrote last.
   */
  read(range: LogRange): LogSlice | undefined
}

/** The most groups that wait for the one before them. Past it, another process is assumed to have written in between. */
const MAX_EARLY = 8

/** Keeps at most `capacity` events. */
export function createLogTail(capacity = 2_000): LogTail {
  let held: RecordedEvent[] = []
  let early: (readonly RecordedEvent[])[] = []

  const last = () => held.at(-1)?.position

  /** Appends the groups that continue what is held. */
  function join(): void {
    early.sort((a, b) => positionOf(a) - positionOf(b))
    while (early[0] && (held.length === 0 || positionOf(early[0]) === (last() ?? 0) + 1)) {
      held.push(...early[0])
      early.shift()
    }
  }

  return {
    add(events) {
      if (events.length === 0) return
      if (positionOf(events) <= (last() ?? 0)) return
      early.push(events)
      join()
      if (early.length > MAX_EARLY) {
        held = []
        join()
      }
      // Trimmed rarely, and by half, so that adding stays cheap.
      if (held.length > capacity) held = held.slice(-Math.ceil(capacity / 2))
      if (early.length > MAX_EARLY) early = early.slice(-MAX_EARLY)
    },
    read({ after, limit, categories }) {
      const [first] = held
      const end = last()
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

function positionOf(events: readonly RecordedEvent[]): number {
  return events[0]?.position ?? 0
}

function categoryOf({ stream }: RecordedEvent): string {
  return stream.slice(0, stream.indexOf('-'))
}
