// One period of owning the sagas of one kind: reacts to new events, makes calls, fires timers.
import { LRUCache } from 'lru-cache'
import type { RecordedEvent, StreamId } from '#platform/event-store/event-store.ts'
import { type CallQueue, createCallQueue } from '#platform/saga/call-queue.ts'
import { idOf, inBatches, type SagaDependencies } from '#platform/saga/dependencies.ts'
import type { SagaProgress } from '#platform/saga/history.ts'
import { startRecovery } from '#platform/saga/recovery.ts'
import { createStatusWriter, type StatusWriter } from '#platform/saga/status-writer.ts'
import { createTimers, type SagaTimer, type Timers } from '#platform/saga/timers.ts'

export type Ownership = {
  /** Writes the new status of each saga, then starts its calls and timers. Waits while the call queue is full. */
  handle(events: readonly RecordedEvent[]): Promise<void>
  /** Starts nothing more. Resolves when what is under way has ended. */
  end(): Promise<void>
}

type ProgressByStream<State> = Map<StreamId, SagaProgress<State>>

/** Sagas kept in memory; the progress of others is read from their streams. */
const MAX_REMEMBERED = 5_000

/** The state of one period of ownership. */
type OwnershipState<State> = {
  readonly dependencies: SagaDependencies<State>
  readonly remembered: LRUCache<StreamId, SagaProgress<State>>
  readonly calls: CallQueue
  readonly timers: Timers
  readonly writer: StatusWriter
  ended: boolean
}

/** Starts a period of ownership, and recovers in the background what the last owner left. */
export function startOwnership<State>(dependencies: SagaDependencies<State>): Ownership {
  const ownership = createState(dependencies)
  const recovery = startRecovery(dependencies, {
    calls: ownership.calls,
    startTimer: timer => startTimer(ownership, timer),
    write: ownership.writer.write,
    isEnded: () => ownership.ended,
  })
  return {
    handle: events => handle(ownership, events),
    async end() {
      ownership.ended = true
      recovery.stop()
      await Promise.all([ownership.calls.stop(), ownership.timers.stop(), ownership.writer.close()])
    },
  }
}

function createState<State>(dependencies: SagaDependencies<State>): OwnershipState<State> {
  const { saga, journal, statuses, logger, now } = dependencies
  return {
    dependencies,
    remembered: new LRUCache({ max: MAX_REMEMBERED }),
    calls: createCallQueue({ ...dependencies, record: journal.record }),
    timers: createTimers(now, error =>
      logger?.warn(
        { err: error, saga },
        'a saga timer was not recorded as fired, retrying with the next sweep',
      ),
    ),
    writer: createStatusWriter(statuses, { saga, logger }),
    ended: false,
  }
}

async function handle<State>(
  ownership: OwnershipState<State>,
  events: readonly RecordedEvent[],
): Promise<void> {
  const { dependencies, remembered, calls, writer } = ownership
  const { saga, journal, reducer } = dependencies
  const before = await progressBefore(dependencies, remembered, events)
  const after = progressAfter(dependencies, before, events)
  await writer.write(
    [...after].map(([stream, progress]) => ({
      status: reducer.statusOf(idOf(saga, stream), progress),
      position: progress.position,
    })),
  )
  for (const [stream, progress] of after) {
    remembered.set(stream, progress)
    journal.noteVersion(idOf(saga, stream), progress.version)
    startChanges(ownership, idOf(saga, stream), { before: before.get(stream), after: progress })
  }
  await calls.whenRoom()
}

function startTimer<State>({ dependencies, timers }: OwnershipState<State>, started: SagaTimer): void {
  const { saga, journal, now } = dependencies
  const { sagaId, timer } = started
  timers.start(started, () => {
    const event = { type: 'TimerFired', data: { timer, at: now().toISOString() } }
    const meta = { actor: `service:${saga}`, correlationId: sagaId }
    return journal.record(sagaId, { commandId: `${sagaId}:timer:${timer}:fired`, event, meta })
  })
}

/** Starts what is pending now and was not before; what came and went in between needs no start. */
function startChanges<State>(
  ownership: OwnershipState<State>,
  sagaId: string,
  {
    before,
    after,
  }: { readonly before: SagaProgress<State> | undefined; readonly after: SagaProgress<State> },
): void {
  for (const [step, pending] of after.pending)
    if (!before?.pending.has(step)) ownership.calls.enqueue(sagaId, pending)
  for (const [timer, { dueAt }] of after.timers)
    if (!before?.timers.has(timer)) startTimer(ownership, { sagaId, timer, dueAt })
  for (const timer of before?.timers.keys() ?? [])
    if (!after.timers.has(timer)) ownership.timers.cancel(sagaId, timer)
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
