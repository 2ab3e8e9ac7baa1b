// Appends inputs, responses and fired timers to sagas' streams, each once, and keeps the progress of sagas in memory.
import { setTimeout as delay } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { v7 } from 'uuid'
import { CallerError } from '#platform/domain/errors.ts'
import type {
  Append,
  AppendResult,
  EventMeta,
  EventStore,
  NewEvent,
  RecordedEvent,
} from '#platform/event-store/event-store.ts'
import { createKeyedQueue, type KeyedQueue } from '#platform/event-store/keyed-queue.ts'
import { fullJitter } from '#platform/resilience/backoff.ts'
import { isOutage } from '#platform/resilience/outage.ts'
import type { SagaProgress } from '#platform/saga/history.ts'
import { type Draft, type DraftPorts, draftAppend } from '#platform/saga/local-steps.ts'
import { idOf, inBatches, streamOf } from '#platform/saga/streams.ts'

export type JournalEntry = NewEvent & { readonly meta: EventMeta }

export type Journal<State> = {
  /**
   * Appends the event to the saga's stream with the local steps that it leads to, unless it is no news to the saga; durable
   * when it resolves. Entries that arrive while an append of their saga is in flight go together. Throws CallerError
   * UNAVAILABLE when others keep writing to the stream, or the store is away.
   */
  record(sagaId: string, entry: JournalEntry): Promise<void>
  /**
   * Makes an append together with the first entry of a new saga, which names the append's first event as its cause. An append
   * without events is made as it is.
   */
  start(sagaId: string, append: Append, entry: JournalEntry): Promise<AppendResult>
  /** Takes in events that are stored; those that this process appended are known already. */
  follow(events: readonly RecordedEvent[]): Promise<void>
  /** Returns the progress as this process knows it, or else as it is stored. */
  load(sagaId: string): Promise<SagaProgress<State>>
  /** Forgets all progress, so that each saga is read and reported again. */
  forget(): void
}

type JournalOptions<State> = DraftPorts<State> & {
  readonly store: EventStore
  /** Called with each progress that is new to this process. */
  readonly onProgress: (sagaId: string, progress: SagaProgress<State>, before?: SagaProgress<State>) => void
}

type Waiting = { readonly entry: JournalEntry; isRecorded: boolean }

/** The state of one journal. */
type Self<State> = JournalOptions<State> & {
  readonly remembered: LRUCache<string, SagaProgress<State>>
  readonly waiting: Map<string, readonly Waiting[]>
  readonly queue: KeyedQueue
}

/** Sagas kept in memory; the progress of others is read from their streams. */
const MAX_REMEMBERED = 5_000
const ATTEMPTS = 20
const FIRST_RETRY_MS = 2
const LAST_RETRY_MS = 100

export function createJournal<State>(options: JournalOptions<State>): Journal<State> {
  const self: Self<State> = {
    ...options,
    remembered: new LRUCache({ max: MAX_REMEMBERED }),
    waiting: new Map(),
    queue: createKeyedQueue(),
  }
  return {
    record: (sagaId, entry) => record(self, sagaId, entry),
    start: (sagaId, append, entry) => self.queue.run([sagaId], () => start(self, sagaId, { append, entry })),
    follow: events => follow(self, events),
    load: sagaId => load(self, sagaId),
    forget: () => self.remembered.clear(),
  }
}

async function record<State>(self: Self<State>, sagaId: string, entry: JournalEntry): Promise<void> {
  const { queue, waiting } = self
  const mine: Waiting = { entry, isRecorded: false }
  waiting.set(sagaId, [...(waiting.get(sagaId) ?? []), mine])
  try {
    await queue.run([sagaId], async () => {
      if (!mine.isRecorded) await recordWaiting(self, sagaId, mine)
    })
  } finally {
    setWaiting(
      self,
      sagaId,
      (waiting.get(sagaId) ?? []).filter(other => other !== mine),
    )
  }
}

/** Records all that waits. When that fails, another entry may be to blame: then `mine` goes alone, and so does each other. */
async function recordWaiting<State>(self: Self<State>, sagaId: string, mine: Waiting): Promise<void> {
  const all = self.waiting.get(sagaId) ?? []
  self.waiting.delete(sagaId)
  try {
    await appendAll(self, sagaId, all)
  } catch (error) {
    const others = all.filter(other => other !== mine)
    setWaiting(self, sagaId, [...others, ...(self.waiting.get(sagaId) ?? [])])
    if (others.length === 0 || isOutage(error)) throw error
    await appendAll(self, sagaId, [mine])
  }
}

function setWaiting<State>({ waiting }: Self<State>, sagaId: string, left: readonly Waiting[]): void {
  if (left.length === 0) waiting.delete(sagaId)
  else waiting.set(sagaId, left)
}

async function appendAll<State>(
  self: Self<State>,
  sagaId: string,
  waiting: readonly Waiting[],
): Promise<void> {
  const entries = waiting.map(({ entry }) => entry)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt > 1) await delay(fullJitter(attempt, FIRST_RETRY_MS, LAST_RETRY_MS))
    const draft = await draftAppend(self, sagaId, { before: await load(self, sagaId), entries })
    const isDone = draft.writes.length === 0 || (await appendDraft(self, sagaId, draft)).status === 'appended'
    if (!isDone) continue
    for (const one of waiting) one.isRecorded = true
    return
  }
  throw new CallerError('UNAVAILABLE', `saga ${sagaId} was written to by others ${ATTEMPTS} times in a row`)
}

/** The saga's local steps may write to the stream that begins it, so they wait: the runner performs them as any other call. */
async function start<State>(
  self: Self<State>,
  sagaId: string,
  { append, entry }: { readonly append: Append; readonly entry: JournalEntry },
): Promise<AppendResult> {
  const [write, ...others] = append.writes
  const [cause, ...later] = write?.events ?? []
  if (!write || !cause) return self.store.append(append)
  const causationId = cause.id ?? v7()
  const input = { ...entry, meta: { ...entry.meta, causationId } }
  const ports = { ...self, local: undefined }
  const draft = await draftAppend(ports, sagaId, { before: self.reducer.initial, entries: [input] })
  const events = [{ ...cause, id: causationId }, ...later]
  const writes = [{ ...write, events }, ...others, ...draft.writes]
  return appendDraft(self, sagaId, { ...draft, append: { ...append, writes } })
}

/** Appends the draft. Unless that surely succeeded, the saga is read again: what failed may have been stored. */
async function appendDraft<State>(
  self: Self<State>,
  sagaId: string,
  { writes, append = { writes }, ...draft }: Draft<State> & { readonly append?: Append },
): Promise<AppendResult> {
  let result: AppendResult | undefined
  try {
    result = await self.store.append(append)
  } finally {
    const isAppended = result?.status === 'appended'
    draft.settle(isAppended)
    if (!isAppended) self.remembered.delete(sagaId)
  }
  if (result.status === 'appended') {
    const { position, recordedAt } = result
    remember(self, sagaId, { ...draft.progress, position, updatedAt: recordedAt })
  }
  return result
}

async function follow<State>(self: Self<State>, events: readonly RecordedEvent[]): Promise<void> {
  const bySaga = Map.groupBy(events, ({ stream }) => idOf(self.saga, stream))
  await inBatches([...bySaga], async ([sagaId, own]) => {
    for (const event of own) {
      const known = await load(self, sagaId)
      if (event.version <= known.version) continue
      if (event.version === known.version + 1) {
        remember(self, sagaId, self.reducer.apply(known, event))
        continue
      }
      self.remembered.delete(sagaId)
      await load(self, sagaId)
    }
  })
}

async function load<State>(self: Self<State>, sagaId: string): Promise<SagaProgress<State>> {
  const { remembered, reducer, store, saga } = self
  const known = remembered.get(sagaId)
  if (known) return known
  const progress = reducer.replay(await store.readStream(streamOf(saga, sagaId)))
  if (progress.version > 0) remember(self, sagaId, progress)
  return progress
}

function remember<State>(self: Self<State>, sagaId: string, progress: SagaProgress<State>): void {
  const before = self.remembered.peek(sagaId)
  if (before && before.version >= progress.version) return
  self.remembered.set(sagaId, progress)
  self.onProgress(sagaId, progress, before)
}
