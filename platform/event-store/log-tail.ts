// Keeps the newest events of the log in memory, so that its readers in this process need not read them back.
import type { LogRange, LogSlice, RecordedEvent, StreamId } from '#platform/event-store/event-store.ts'

export type LogTail = {
  /** Returns the position up to which the tail goes; undefined before `startAt`. */
  end(): number | undefined
  /** Forgets all events: the tail has those after `position` from now on. Without one it has none until the next start. */
  startAt(position: number | undefined): void
  /** Adds events with consecutive positions. Returns false, and adds nothing, when others are missing before them. */
  add(events: readonly RecordedEvent[]): boolean
  /**
   * Returns the matching events after a position, if the tail holds all of them up to its end; an empty slice when the
   * position is its end; undefined when the database must be read.
   */
  read(range: LogRange): LogSlice | undefined
  /** True when the tail holds all events after the position `since`, and none of them is of the stream. */
  isUnwritten(stream: StreamId, since: number): boolean
}

/** Keeps at most `capacity` events. */
export function createLogTail(capacity = 2_000): LogTail {
  let held: RecordedEvent[] = []
  let end: number | undefined

  /** Returns the held events after a position; undefined when it is outside of the tail. */
  function heldAfter(position: number): RecordedEvent[] | undefined {
    if (end === undefined || position > end || position < end - held.length) return undefined
    return held.slice(held.length - (end - position))
  }

  return {
    end: () => end,
    startAt(position) {
      held = []
      end = position
    },
    add(events) {
      if (end === undefined) return false
      const last = end
      const fresh = events.filter(({ position }) => position > last)
      const [first] = fresh
      if (!first) return true
      if (first.position !== last + 1) return false
      held.push(...fresh)
      end += fresh.length
      // Trimmed rarely, and by half, so that adding stays cheap.
      if (held.length > capacity) held = held.slice(-Math.ceil(capacity / 2))
      return true
    },
    read({ after, limit, categories }) {
      const rest = heldAfter(after)
      if (end === undefined || !rest) return undefined
      const events = (categories ? rest.filter(event => categories.includes(categoryOf(event))) : rest).slice(
        0,
        limit,
      )
      return { events, scannedTo: events.length < limit ? end : (events.at(-1)?.position ?? end) }
    },
    isUnwritten: (stream, since) => heldAfter(since)?.every(event => event.stream !== stream) ?? false,
  }
}

function categoryOf({ stream }: RecordedEvent): string {
  return stream.slice(0, stream.indexOf('-'))
}
