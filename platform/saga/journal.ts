// Appends inputs, responses and fired timers to sagas' streams, each once.
import { setTimeout as delay } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { CallerError } from '#platform/domain/errors.ts'
import type { EventMeta, EventStore, NewEvent, StreamId } from '#platform/event-store/event-store.ts'
import { createKeyedQueue } from '#platform/event-store/keyed-queue.ts'
import { fullJitter } from '#platform/resilience/backoff.ts'

type JournalEntry = {
  readonly commandId: string
  readonly event: NewEvent
  readonly meta: EventMeta
}

export type Journal = {
  /**
   * Appends the event to the saga's stream, once per `commandId`; durable when it resolves. Throws CallerError
   * UNAVAILABLE when others keep writing to the stream, or the store is away.
   */
  record(sagaId: string, entry: JournalEntry): Promise<void>
  /** Notes that the saga's stream has at least `version` events, which spares the next append a conflict. */
  noteVersion(sagaId: string, version: number): void
}

/** Stream versions kept in memory. */
const MAX_VERSIONS = 20_000
const ATTEMPTS = 20
const FIRST_RETRY_MS = 2
const LAST_RETRY_MS = 100

export function createJournal(store: EventStore, streamOf: (sagaId: string) => StreamId): Journal {
  const versions = new LRUCache<string, number>({ max: MAX_VERSIONS })
  const queue = createKeyedQueue()

  function noteVersion(sagaId: string, version: number): void {
    if ((versions.peek(sagaId) ?? 0) < version) versions.set(sagaId, version)
  }

  async function append(sagaId: string, { commandId, event, meta }: JournalEntry): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const expected = versions.get(sagaId) ?? 0
      const result = await store.append({
        writes: [{ stream: streamOf(sagaId), expected, events: [event] }],
        command: { id: commandId, fingerprint: event.type, outcome: null },
        meta,
      })
      if (result.status === 'repeated') return
      if (result.status === 'appended') return noteVersion(sagaId, expected + 1)
      versions.set(sagaId, result.actual)
      if (attempt > 0) await delay(fullJitter(attempt, FIRST_RETRY_MS, LAST_RETRY_MS))
    }
    throw new CallerError('UNAVAILABLE', `saga ${sagaId} was written to by others ${ATTEMPTS} times in a row`)
  }

  return {
    record: (sagaId, entry) => queue.run([sagaId], () => append(sagaId, entry)),
    noteVersion,
  }
}
