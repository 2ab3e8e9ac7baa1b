// Drafts an append to a saga's stream: its new events, and the local steps that they ask for, decided in memory.
import { newUuid } from '#platform/domain/uuid.ts'
import type { NewEvent, StreamWrite } from '#platform/event-store/event-store.ts'
import { attemptCall, countAttempt, responseEvent } from '#platform/saga/attempt.ts'
import type { HistoryReducer, PendingCall, SagaProgress } from '#platform/saga/history.ts'
import type { Call, StepResponse } from '#platform/saga/saga.ts'
import { streamOf } from '#platform/saga/streams.ts'

/**
 * Steps that write to the saga's own store. Their writes and responses are appended together with the events that ask for
 * them, all or nothing.
 */
export type LocalSteps = {
  has(command: string): boolean
  /** Opens what the steps of a saga write to, as this process knows it. */
  open(sagaId: string): Promise<LocalWrites>
}

type LocalWrites = {
  /** Decides a step after those before it. A step that throws has changed nothing, and is left to `perform` of the runner. */
  decide(call: Call): StepResponse
  /** Returns the writes of all steps, which demand the version that they were decided on. */
  write(): StreamWrite
  /** Says that the write was appended, or that it was not and is decided anew. */
  settle(isAppended: boolean): void
}

export type DraftPorts<State> = {
  readonly saga: string
  readonly reducer: HistoryReducer<State>
  readonly local: LocalSteps | undefined
  readonly now: () => Date
}

export type Draft<State> = {
  /** The progress after the events; its position and time are known once they are appended. */
  readonly progress: SagaProgress<State>
  /** None when there is nothing new. */
  readonly writes: readonly StreamWrite[]
  settle(isAppended: boolean): void
}

type OpenDraft<State> = DraftPorts<State> & {
  readonly sagaId: string
  readonly events: NewEvent[]
  readonly performed: { readonly pending: PendingCall; readonly outcome: string }[]
  progress: SagaProgress<State>
  opened: LocalWrites | undefined
}

/** Drafts what `entries` lead to after `before`. Throws what the definition throws. */
export async function draftAppend<State>(
  ports: DraftPorts<State>,
  sagaId: string,
  { before, entries }: { readonly before: SagaProgress<State>; readonly entries: readonly NewEvent[] },
): Promise<Draft<State>> {
  const draft: OpenDraft<State> = {
    ...ports,
    sagaId,
    events: [],
    performed: [],
    progress: before,
    opened: undefined,
  }
  for (const entry of entries) await add(draft, entry)
  const { events, opened, performed, progress, saga } = draft
  const own = { stream: streamOf(saga, sagaId), expected: before.version, events }
  return {
    progress,
    // The saga's events come last, so that the position of the append is that of the progress.
    writes: events.length === 0 ? [] : [...(opened ? [opened.write()] : []), own],
    settle(isAppended) {
      opened?.settle(isAppended)
      if (isAppended) for (const { pending, outcome } of performed) countAttempt(saga, pending, outcome)
    },
  }
}

async function add<State>(draft: OpenDraft<State>, entry: NewEvent): Promise<void> {
  const { reducer, local, saga, sagaId, progress: before } = draft
  if (!reducer.isNew(before, entry)) return
  const event = { schema: 1, ...entry, meta: reducer.ownMeta(before, entry), id: newUuid() }
  const place = { stream: streamOf(saga, sagaId), version: before.version + 1, position: 0, recordedAt: '' }
  draft.progress = reducer.apply(before, { ...event, ...place })
  draft.events.push(event)
  for (const [step, pending] of draft.progress.pending)
    if (!before.pending.has(step) && local?.has(pending.call.command))
      await addLocalStep(draft, local, pending)
}

async function addLocalStep<State>(
  draft: OpenDraft<State>,
  local: LocalSteps,
  pending: PendingCall,
): Promise<void> {
  const { saga, sagaId, now } = draft
  try {
    const opened = draft.opened ?? (await local.open(sagaId))
    draft.opened = opened
    const perform = async (call: Call) => opened.decide(call)
    const { response, meta } = await attemptCall({ saga, perform }, sagaId, pending)
    draft.performed.push({ pending, outcome: response.status })
    await add(draft, { ...responseEvent(pending.call.step, response, now()), meta })
  } catch {
    // The step stays pending: the runner performs it as any other call, and reports why it fails.
  }
}
