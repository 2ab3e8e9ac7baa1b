// One period of owning the sagas of one kind: reacts to new events, makes calls, fires timers.
import { LRUCache } from 'lru-cache'
import type { RecordedEvent, StreamId } from '#platform/event-store/event-store.ts'
import { createCallQueue } from '#platform/saga/call-queue.ts'
import { idOf, inBatches, type SagaDependencies } from '#platform/saga/dependencies.ts'
import { type SagaProgress, statusOf } from '#platform/saga/history.ts'
import { startRecovery } from '#platform/saga/recovery.ts'
import { createStatusWriter, reportFailedWrites } from '#platform/saga/status-writer.ts'
import { createTimers, type SagaTimer } from '#platform/saga/timers.ts'

export type Ownership = {
  /** Writes the new status of each saga, then starts its calls and timers. Waits while the call queue is full. */
  handle(events: readonly RecordedEvent[]): Promise<void>
  /** Starts nothing more. Resolves when what is under way has ended. */
  end(): Promise<void>
}

type ProgressByStream<State> = Map<StreamId, SagaProgress<State>>

/** Sagas kept in memory; the progress of others is read from their streams. */
const MAX_REMEMBERED = 5_000

/** Recovers in the background what the last owner left. */
export function startOwnership<State>(dependencies: SagaDependencies<State>): Ownership {
  const { definition, journal, statuses, logger, now } = dependencies
  const saga = definition.name
  const remembered = new LRUCache<StreamId, SagaProgress<State>>({ max: MAX_REMEMBERED })
  const calls = createCallQueue({ ...dependencies, saga, record: journal.record })
  const timers = createTimers(now, error =>
    logger?.warn(
      { err: error, saga },
      'a saga timer was not recorded as fired, retrying with the next sweep',
    ),
  )
  const writer = createStatusWriter(statuses, reportFailedWrites(saga, logger))
  let ended = false

  function startTimer(started: SagaTimer): void {
    const { sagaId, timer } = started
    timers.start(started, () => {
      const event = { type: 'TimerFired', data: { timer, at: now().toISOString() } }
      const meta = { actor: `service:${saga}`, correlationId: sagaId }
      return journal.record(sagaId, { commandId: `${sagaId}:timer:${timer}:fired`, event, meta })
    })
  }

  /** Starts what is pending now and was not before; what came and went in between needs no start. */
  function startChanges(
    sagaId: string,
    before: SagaProgress<State> | undefined,
    after: SagaProgress<State>,
  ): void {
    for (const [step, pending] of after.pending)
      if (!before?.pending.has(step)) calls.enqueue(sagaId, pending)
    for (const [timer, { dueAt }] of after.timers)
      if (!before?.timers.has(timer)) startTimer({ sagaId, timer, dueAt })
    for (const timer of before?.timers.keys() ?? [])
      if (!after.timers.has(timer)) timers.cancel(sagaId, timer)
  }

  const recovery = startRecovery(dependencies, {
    calls,
    startTimer,
    write: writer.write,
    isEnded: () => ended,
  })

  return {
    async handle(events) {
      const before = await progressBefore(dependencies, remembered, events)
      const after = progressAfter(dependencies, before, events)
      await writer.write(
        [...after].map(([stream, progress]) => ({
          status: statusOf(definition, idOf(saga, stream), progress),
          position: progress.position,
        })),
      )
      for (const [stream, progress] of after) {
        remembered.set(stream, progress)
        journal.noteVersion(idOf(saga, stream), progress.version)
        startChanges(idOf(saga, stream), before.get(stream), progress)
      }
      await calls.whenRoom()
    },
    async end() {
      ended = true
      recovery.stop()
      await Promise.all([calls.stop(), timers.stop(), writer.close()])
    },
  }
}

/** Returns the progress of the sagas of `events` before them, from memory or from their streams. */
async function progressBefore<State>(
  { reducer, store }: SagaDependencies<State>,
  remembered: LRUCache<StreamId, SagaProgress<State>>,
  events: readonly RecordedEvent[],
): Promise<ProgressByStream<State>> {
  const found: ProgressByStream<State> = new Map()
  const missing: RecordedEvent[] = []
  for (const event of events) {
    if (found.has(event.stream)) continue
    const progress = remembered.get(event.stream)
    const isUsable = progress !== undefined && progress.version >= event.version - 1
    found.set(event.stream, isUsable ? progress : reducer.initial)
    if (!isUsable && event.version > 1) missing.push(event)
  }
  await inBatches(missing, async ({ stream, version }) => {
    found.set(stream, reducer.replay(await store.readStream(stream, { upTo: version - 1 })))
  })
  return found
}

/** Returns their progress after `events`. A saga that is past an event has already reacted to it in this period. */
function progressAfter<State>(
  { reducer }: SagaDependencies<State>,
  before: ProgressByStream<State>,
  events: readonly RecordedEvent[],
): ProgressByStream<State> {
  const after: ProgressByStream<State> = new Map()
  for (const event of events) {
    const progress = after.get(event.stream) ?? before.get(event.stream) ?? reducer.initial
    if (event.version > progress.version) after.set(event.stream, reducer.apply(progress, event))
  }
  return after
}
