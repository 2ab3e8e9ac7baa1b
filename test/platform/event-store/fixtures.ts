// Builds appends and waits for conditions in the event store's tests.
import { vi } from 'vitest'
import type { JsonObject } from '#platform/domain/json.ts'
import type {
  Append,
  EventStore,
  NewEvent,
  RecordedEvent,
  StreamId,
} from '#platform/event-store/event-store.ts'

/** A database of its own for one test, opened by as many stores as it likes; `close` ends those that are open. */
export type Fixture = {
  open(options?: { readonly now?: () => Date }): Promise<EventStore>
  close(): Promise<void>
}

export function event(type: string, data: JsonObject = {}): NewEvent {
  return { type, data }
}

export function write(stream: StreamId, expected: number, ...events: NewEvent[]): Append {
  return { writes: [{ stream, expected, events: events.length > 0 ? events : [event('Noted')] }] }
}

export function command(id: string, body = 'body', outcome: JsonObject = { told: id }) {
  return { id, fingerprint: body, outcome }
}

/** Appends `count` single events to streams of the category, and answers the position of the last. */
export async function appendMany(store: EventStore, category: string, count: number): Promise<number> {
  const results = await Promise.all(
    Array.from({ length: count }, (_, index) => store.append(write(`${category}-${index}`, 0))),
  )
  return Math.max(...results.map(result => (result.status === 'conflict' ? 0 : result.position)))
}

export function positions(events: readonly RecordedEvent[]): number[] {
  return events.map(({ position }) => position)
}

export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}

/** Waits for what nothing announces. */
export async function eventually(assertion: () => void | Promise<void>): Promise<void> {
  await vi.waitFor(assertion, { timeout: 60_000, interval: 20 })
}
