// The Temporal activities that run a saga's definition outside the workflow's sandbox, and write statuses for lists. Each
// result depends on the input alone.
import type { HistoryReducer, SagaProgress } from '#platform/saga/history.ts'
import type { SagaStatus } from '#platform/saga/saga.ts'
import type { StatusWriter } from '#platform/saga/status-writer.ts'
import type { PositionedStatus, Statuses } from '#platform/saga/statuses.ts'
import type {
  Activities,
  EffectChanges,
  LocalActivities,
  RunEvent,
  RunOrigin,
} from '#platform/saga/temporal/messages.ts'
import type { RunHistory } from '#platform/saga/temporal/run-history.ts'

type DecisionDependencies<State> = {
  readonly reducer: HistoryReducer<State>
  readonly runHistory: RunHistory<State>
  readonly statuses: Pick<Statuses, 'write'>
  readonly writer: Pick<StatusWriter, 'note'>
  /** Events that a run takes before it continues as new. */
  readonly runLength: number
}

export function createDecisionActivities<State>(
  dependencies: DecisionDependencies<State>,
): LocalActivities & Pick<Activities, 'close'> {
  const { reducer, runHistory } = dependencies

  async function progressAt(sagaId: string, base: RunOrigin, events: readonly RunEvent[]) {
    const past = await runHistory.read(sagaId, base)
    const progress = runHistory.recorded(sagaId, base, events).reduce(reducer.apply, past.progress)
    return { progress, known: new Set([...past.commandIds, ...events.map(event => event.commandId)]) }
  }

  return {
    async begin({ sagaId }) {
      const base = await runHistory.origin(sagaId)
      const { progress } = await runHistory.read(sagaId, base)
      const { status } = positioned(reducer, sagaId, progress)
      return { base, doing: changes(reducer.initial, progress), isOver: base.version > 0 && isOver(status) }
    },
    async decide({ sagaId, base, events, arrivals }) {
      const { progress: before, known } = await progressAt(sagaId, base, events)
      const accepted = findNew(arrivals, known)
      const all = [...events, ...accepted.flatMap(index => arrivals[index] ?? [])]
      const progress = runHistory
        .recorded(sagaId, base, all)
        .slice(events.length)
        .reduce(reducer.apply, before)
      const now = positioned(reducer, sagaId, progress)
      if (accepted.length > 0) await writeStatus(dependencies, before, now)
      const doing = changes(before, progress)
      const isFull = all.length >= dependencies.runLength
      return { accepted, doing, isOver: isOver(now.status), isFull }
    },
    async close({ sagaId, base, events }) {
      const { progress } = await progressAt(sagaId, base, events)
      const next = await runHistory.append(sagaId, base, events)
      // Written at once: no later event may come that would write it.
      await dependencies.statuses.write([positioned(reducer, sagaId, progress)])
      return next
    },
  }
}

/** Returns what is pending now and was not before, and the reverse; what came and went in between is left out. */
function changes<State>(before: SagaProgress<State>, after: SagaProgress<State>): EffectChanges {
  return {
    calls: [...after.pending]
      .filter(([step]) => !before.pending.has(step))
      .map(([step, pending]) => ({ ...pending, isStuck: after.stuck.has(step) })),
    timers: [...after.timers]
      .filter(([timer]) => !before.timers.has(timer))
      .map(([timer, running]) => ({ timer, ...running })),
    cancelled: [...before.timers.keys()].filter(timer => !after.timers.has(timer)),
  }
}

/** Returns the indexes of new arrivals. */
function findNew(arrivals: readonly RunEvent[], known: Set<string>): number[] {
  const accepted: number[] = []
  for (const [index, { commandId }] of arrivals.entries()) {
    if (known.has(commandId)) continue
    known.add(commandId)
    accepted.push(index)
  }
  return accepted
}

function positioned<State>(
  reducer: HistoryReducer<State>,
  sagaId: string,
  progress: SagaProgress<State>,
): PositionedStatus {
  return { status: reducer.statusOf(sagaId, progress), position: progress.position }
}

function isOver({ phase, pending, timers }: SagaStatus): boolean {
  return phase === 'ended' && pending.length === 0 && Object.keys(timers).length === 0
}

/** Nothing may follow a stuck step for a long time, and a saga is to be listed once it began: those are written at once. */
async function writeStatus<State>(
  { statuses, writer }: DecisionDependencies<State>,
  before: SagaProgress<State>,
  now: PositionedStatus,
): Promise<void> {
  if (now.status.stuck || before.version === 0) await statuses.write([now])
  else writer.note(now)
}
