// What the workflow has decided outside its sandbox: the definition folds and reacts, and where the saga stands is
// written down for lists. Each answer follows from what it is asked alone. Free of Temporal.
import type { EventStore } from '#platform/event-store/event-store.ts'
import { type Folder, type Standing, statusOf } from '#platform/saga/history.ts'
import type { SagaDefinition, SagaEvent } from '#platform/saga/saga.ts'
import type { StatusWriter } from '#platform/saga/status-writer.ts'
import type { Statuses } from '#platform/saga/statuses.ts'
import type { Activities, Base, Doing, LocalActivities, RunEvent } from '#platform/saga/temporal/messages.ts'
import type { Pasts } from '#platform/saga/temporal/run-history.ts'

export type Desk<State> = {
  readonly store: EventStore
  readonly definition: Pick<SagaDefinition<State, SagaEvent>, 'name' | 'phase'>
  readonly folder: Folder<State>
  readonly pasts: Pasts<State>
  readonly statuses: Pick<Statuses, 'write'>
  readonly writer: Pick<StatusWriter, 'write'>
  /** Events that a run takes before it continues as new. */
  readonly runLength: number
}

export function createDeciding<State>(desk: Desk<State>): LocalActivities & Pick<Activities, 'close'> {
  const { definition, folder, pasts } = desk

  async function standingAt(sagaId: string, base: Base, events: readonly RunEvent[]) {
    const past = await pasts.read(sagaId, base)
    const standing = pasts.recorded(sagaId, base, events).reduce(folder.fold, past.standing)
    return { standing, known: new Set([...past.commandIds, ...events.map(event => event.commandId)]) }
  }

  const isOver = (standing: Standing<State>) =>
    definition.phase(standing.state) === 'ended' && standing.pending.size === 0 && standing.timers.size === 0

  return {
    async begin({ sagaId }) {
      const base = await pasts.base(sagaId)
      const { standing } = await pasts.read(sagaId, base)
      return { base, doing: changes(folder.initial, standing), isOver: base.version > 0 && isOver(standing) }
    },
    async decide({ sagaId, base, events, arrivals }) {
      const { standing: before, known } = await standingAt(sagaId, base, events)
      const accepted = await newAmong(desk, base, known, arrivals)
      const all = [...events, ...accepted.flatMap(index => arrivals[index] ?? [])]
      const standing = pasts.recorded(sagaId, base, all).slice(events.length).reduce(folder.fold, before)
      if (accepted.length > 0) await writeStatus(desk, sagaId, standing)
      const doing = changes(before, standing)
      return { accepted, doing, isOver: isOver(standing), isFull: all.length >= desk.runLength }
    },
    async close({ sagaId, base, events }) {
      const { standing } = await standingAt(sagaId, base, events)
      const next = await pasts.add(sagaId, base, events)
      // At once and surely: nothing may come after it that would.
      await desk.statuses.write([placed(desk, sagaId, standing)])
      return next
    },
  }
}

/** What is asked now and was not before, and what is not any more: what came and went in between needs no doing. */
function changes<State>(before: Standing<State>, after: Standing<State>): Doing {
  return {
    calls: [...after.pending]
      .filter(([step]) => !before.pending.has(step))
      .map(([step, asked]) => ({ ...asked, isStuck: after.stuck.has(step) })),
    timers: [...after.timers]
      .filter(([timer]) => !before.timers.has(timer))
      .map(([timer, running]) => ({ timer, ...running })),
    cancelled: [...before.timers.keys()].filter(timer => !after.timers.has(timer)),
  }
}

/** Of what the runner on the event store recorded, its store knows the command ids. */
async function newAmong<State>(
  { store }: Desk<State>,
  base: Base,
  known: Set<string>,
  arrivals: readonly RunEvent[],
): Promise<number[]> {
  const accepted: number[] = []
  for (const [index, { commandId }] of arrivals.entries()) {
    if (known.has(commandId)) continue
    known.add(commandId)
    if (base.inherited === 0 || !(await store.findCommand(commandId))) accepted.push(index)
  }
  return accepted
}

function placed<State>({ definition }: Desk<State>, sagaId: string, standing: Standing<State>) {
  return { status: statusOf(definition, sagaId, standing), position: standing.position }
}

/** A step that is stuck may be the last news for a long time: that is not left for later. */
async function writeStatus<State>(
  desk: Desk<State>,
  sagaId: string,
  standing: Standing<State>,
): Promise<void> {
  const one = placed(desk, sagaId, standing)
  if (standing.stuck.size > 0) await desk.statuses.write([one])
  else await desk.writer.write([one])
}
