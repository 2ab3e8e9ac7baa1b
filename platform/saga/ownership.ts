// One time of owning the sagas of one kind: reacts to new events, makes calls, keeps time. Free of leases.
import { LRUCache } from 'lru-cache'
import type { RecordedEvent, StreamId } from '#platform/event-store/event-store.ts'
import { createCalls } from '#platform/saga/call-queue.ts'
import { idOf, inTurns, type SagaDesk } from '#platform/saga/dependencies.ts'
import { type Standing, statusOf } from '#platform/saga/history.ts'
import { startSweeps } from '#platform/saga/recovery.ts'
import { createStatusWriter } from '#platform/saga/status-writer.ts'
import { createTimers } from '#platform/saga/timers.ts'

export type Tenure = {
  /** Takes new events: writes where their sagas stand, then sets calls and timers going. Waits while too many wait. */
  handle(events: readonly RecordedEvent[]): Promise<void>
  /** Starts nothing more. Resolves when what is under way has ended. */
  end(): Promise<void>
}

type Standings<State> = Map<StreamId, Standing<State>>

/** Sagas kept in memory; one that is not among them is read from its stream. */
const MAX_STANDINGS = 5_000

/** Begins at once, in the background, to take up what the last owner left. */
export function beginTenure<State>(desk: SagaDesk<State>): Tenure {
  const { definition, journal, statuses, logger, now } = desk
  const saga = definition.name
  const known = new LRUCache<StreamId, Standing<State>>({ max: MAX_STANDINGS })
  const calls = createCalls({ ...desk, saga, record: journal.record })
  const timers = createTimers(now, error => logger?.warn({ err: error, saga }, 'a timer did not fire'))
  const writer = createStatusWriter(statuses, error =>
    logger?.warn({ err: error, saga }, 'where sagas stand was not written and is tried again'),
  )
  let ended = false

  function startTimer(sagaId: string, timer: string, dueAt: string): void {
    timers.start(sagaId, timer, dueAt, () => {
      const event = { type: 'TimerFired', data: { timer, at: now().toISOString() } }
      const meta = { actor: `service:${saga}`, correlationId: sagaId }
      return journal.record(sagaId, `${sagaId}:timer:${timer}:fired`, event, meta)
    })
  }

  /** Sets going what is asked now and was not before: what came and went in between needs no doing. */
  function setGoing(sagaId: string, before: Standing<State> | undefined, after: Standing<State>): void {
    for (const [step, asked] of after.pending) if (!before?.pending.has(step)) calls.start(sagaId, asked)
    for (const [timer, { dueAt }] of after.timers)
      if (!before?.timers.has(timer)) startTimer(sagaId, timer, dueAt)
    for (const timer of before?.timers.keys() ?? [])
      if (!after.timers.has(timer)) timers.cancel(sagaId, timer)
  }

  const sweeps = startSweeps(desk, { calls, startTimer, write: writer.write, isEnded: () => ended })

  return {
    async handle(events) {
      const before = await standingsBefore(desk, known, events)
      const after = standingsAfter(desk, before, events)
      const placed = [...after].map(([stream, standing]) => ({
        status: statusOf(definition, idOf(saga, stream), standing),
        position: standing.position,
      }))
      await writer.write(placed)
      for (const [stream, standing] of after) {
        known.set(stream, standing)
        journal.heard(idOf(saga, stream), standing.version)
        setGoing(idOf(saga, stream), before.get(stream), standing)
      }
      await calls.room()
    },
    async end() {
      ended = true
      sweeps.stop()
      await Promise.all([calls.stop(), timers.stop(), writer.close()])
    },
  }
}

/** Where the sagas of `events` stood before them, from memory or from their streams. */
async function standingsBefore<State>(
  { folder, store }: SagaDesk<State>,
  known: LRUCache<StreamId, Standing<State>>,
  events: readonly RecordedEvent[],
): Promise<Standings<State>> {
  const found: Standings<State> = new Map()
  const missing: RecordedEvent[] = []
  for (const event of events) {
    if (found.has(event.stream)) continue
    const standing = known.get(event.stream)
    const isUsable = standing !== undefined && standing.version >= event.version - 1
    found.set(event.stream, isUsable ? standing : folder.initial)
    if (!isUsable && event.version > 1) missing.push(event)
  }
  await inTurns(missing, async ({ stream, version }) => {
    found.set(stream, folder.foldAll(await store.readStream(stream, { upTo: version - 1 })))
  })
  return found
}

/** Where they stand after. A saga that is known to be past an event has reacted to it in this tenure. */
function standingsAfter<State>(
  { folder }: SagaDesk<State>,
  before: Standings<State>,
  events: readonly RecordedEvent[],
): Standings<State> {
  const after: Standings<State> = new Map()
  for (const event of events) {
    const standing = after.get(event.stream) ?? before.get(event.stream) ?? folder.initial
    if (event.version > standing.version) after.set(event.stream, folder.fold(standing, event))
  }
  return after
}
