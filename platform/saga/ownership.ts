// One period of owning the sagas of one kind: makes their calls, fires their timers, writes their statuses.
import { createCallQueue } from '#platform/saga/call-queue.ts'
import type { SagaDependencies } from '#platform/saga/dependencies.ts'
import type { SagaProgress } from '#platform/saga/history.ts'
import { startRecovery } from '#platform/saga/recovery.ts'
import { createStatusWriter } from '#platform/saga/status-writer.ts'
import { createTimers, type SagaTimer } from '#platform/saga/timers.ts'

export type Ownership<State> = {
  /** Starts the calls and timers that are pending and not under way. `before` is the progress that this follows, if known. */
  react(sagaId: string, progress: SagaProgress<State>, before?: SagaProgress<State>): void
  /** Resolves when more calls may be started. */
  whenRoom(): Promise<void>
  /** The next owner recovers all sagas whose events are past this position from the log, and all others by their status. */
  safePosition(): number
  /** Starts nothing more. Resolves when what is under way has ended. */
  end(): Promise<void>
}

/** Starts a period of ownership, and recovers in the background what the last owner left. */
export function startOwnership<State>(dependencies: SagaDependencies<State>): Ownership<State> {
  const { saga, reducer, journal, statuses, logger, now } = dependencies
  const calls = createCallQueue({ ...dependencies, record: journal.record })
  const timers = createTimers(now, error =>
    logger?.warn(
      { err: error, saga },
      'a saga timer was not recorded as fired, retrying with the next sweep',
    ),
  )
  const writer = createStatusWriter(statuses, { saga, logger })
  let isEnded = false

  function startTimer(started: SagaTimer): void {
    const { sagaId, timer } = started
    timers.start(started, () => {
      const data = { timer, at: now().toISOString() }
      const meta = { actor: `service:${saga}`, correlationId: sagaId }
      return journal.record(sagaId, { type: 'TimerFired', data, meta })
    })
  }

  function react(sagaId: string, progress: SagaProgress<State>, before?: SagaProgress<State>): void {
    writer.note({ status: reducer.statusOf(sagaId, progress), position: progress.position })
    for (const pending of progress.pending.values()) calls.enqueue(sagaId, pending)
    for (const timer of before?.timers.keys() ?? [])
      if (!progress.timers.has(timer)) timers.cancel(sagaId, timer)
    for (const [timer, { dueAt }] of progress.timers) startTimer({ sagaId, timer, dueAt })
  }

  const recovery = startRecovery(dependencies, { calls, startTimer, react, isEnded: () => isEnded })
  return {
    react,
    whenRoom: calls.whenRoom,
    safePosition: writer.safePosition,
    async end() {
      isEnded = true
      recovery.stop()
      await Promise.all([calls.stop(), timers.stop()])
      await writer.close()
    },
  }
}
