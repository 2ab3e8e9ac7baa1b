// Folds a saga's history into its progress: state, pending calls, timers, and steps that are stuck.
import { createCodec } from '#platform/event-store/codec.ts'
import type { EventMeta, NewEvent, RecordedEvent } from '#platform/event-store/event-store.ts'
import type { Effect, SagaDefinition, SagaEvent, SagaStatus, StepEvent } from '#platform/saga/saga.ts'

type CallEffect = Extract<Effect, { kind: 'call' }>

/** A call without a response, and the meta for what it does: caused by the event that asked for it. */
export type PendingCall = { readonly call: CallEffect; readonly meta: EventMeta }
export type RunningTimer = { readonly dueAt: string; readonly meta: EventMeta }

/** The progress of a saga after `version` events of its stream. */
export type SagaProgress<State> = {
  readonly state: State
  readonly version: number
  readonly position: number
  readonly updatedAt: string
  /** The ids of its inputs, which their events have as their causes. */
  readonly inputs: ReadonlySet<string>
  /** Calls without a response, by step. */
  readonly pending: ReadonlyMap<string, PendingCall>
  readonly timers: ReadonlyMap<string, RunningTimer>
  /** Pending endless steps that have failed for longer than the policy's `stuckAfterMs`. */
  readonly stuck: ReadonlySet<string>
  readonly lastError?: string
}

/** The runner's own event: an endless step has failed for long and is still retried. Definitions do not see it. */
type StepStuck = {
  readonly type: 'StepStuck'
  readonly data: { readonly step: string; readonly error: string; readonly at: string }
}

const STEP_TYPES = ['StepSucceeded', 'StepRefused', 'StepFailed', 'TimerFired', 'StepStuck'] as const

export type HistoryReducer<State> = {
  readonly initial: SagaProgress<State>
  /** Returns what of an event's meta must be stored: `apply` knows the rest from what asked for the event. */
  ownMeta(progress: SagaProgress<State>, event: NewEvent): EventMeta
  /**
   * False for an event that has no effect: an input that is repeated, a response to a call that is not pending, or a timer
   * that does not run.
   */
  isNew(progress: SagaProgress<State>, event: NewEvent): boolean
  /**
   * Returns the progress after one more event, which changes nothing unless it is new. Throws what the definition throws,
   * and for events of a newer build.
   */
  apply(progress: SagaProgress<State>, recorded: RecordedEvent): SagaProgress<State>
  replay(events: readonly RecordedEvent[]): SagaProgress<State>
  schemaOf(type: string): number
  statusOf(sagaId: string, progress: SagaProgress<State>): SagaStatus
}

export function createHistoryReducer<State, Event extends SagaEvent>(
  definition: SagaDefinition<State, Event>,
): HistoryReducer<State> {
  const { types, schemas = {}, upcasters = {} } = definition
  const codec = createCodec<State, SagaEvent>({
    types: [...types, ...STEP_TYPES],
    schemas,
    upcasters,
  })
  const initial: SagaProgress<State> = {
    state: definition.initial,
    version: 0,
    position: 0,
    updatedAt: '',
    inputs: new Set(),
    pending: new Map(),
    timers: new Map(),
    stuck: new Set(),
  }

  function apply(progress: SagaProgress<State>, recorded: RecordedEvent): SagaProgress<State> {
    const { version, position, recordedAt } = recorded
    const now = { ...progress, version, position, updatedAt: recordedAt }
    const event = codec.decode(recorded)
    if (!event || !isNew(progress, recorded)) return now
    if (isStepStuck(event)) return noteStuck(now, event.data)
    const typed = event as Event | StepEvent // its type is listed, and its data is of the newest schema
    const state = definition.evolve(progress.state, typed)
    const effects = definition.react(state, typed)
    const noted = noteInput({ ...now, state }, recorded)
    const meta = { ...askedMeta(progress, recorded), ...recorded.meta }
    return addEffects(settle(noted, event), effects, causedBy(definition.name, { ...recorded, meta }))
  }

  return {
    initial,
    ownMeta,
    isNew,
    apply,
    replay: events => events.reduce(apply, initial),
    schemaOf: type => schemas[type] ?? 1,
    statusOf: (sagaId, progress) => toStatus(sagaId, definition.phase(progress.state), progress),
  }
}

function isNew(
  { pending, timers, stuck, inputs }: SagaProgress<unknown>,
  { type, data, meta }: NewEvent,
): boolean {
  const step = String(data.step)
  switch (type) {
    case 'StepSucceeded':
    case 'StepRefused':
    case 'StepFailed':
      return pending.has(step)
    case 'StepStuck':
      return pending.has(step) && !stuck.has(step)
    case 'TimerFired':
      return timers.has(String(data.timer))
    default:
      return meta?.causationId === undefined || !inputs.has(meta.causationId)
  }
}

/** Returns the meta of the call or the timer that the event answers; nothing for an input. */
function askedMeta(
  { pending, timers }: SagaProgress<unknown>,
  { type, data }: NewEvent,
): EventMeta | undefined {
  if (type === 'TimerFired') return timers.get(String(data.timer))?.meta
  return isStepType(type) ? pending.get(String(data.step))?.meta : undefined
}

function ownMeta(progress: SagaProgress<unknown>, event: NewEvent): EventMeta {
  const { actor, correlationId, causationId, traceparent } = event.meta ?? {}
  const asked = askedMeta(progress, event)
  return {
    ...(actor !== undefined && actor !== asked?.actor && { actor }),
    ...(correlationId !== undefined && correlationId !== asked?.correlationId && { correlationId }),
    ...(causationId !== undefined && causationId !== asked?.causationId && { causationId }),
    ...(traceparent !== undefined && traceparent !== asked?.traceparent && { traceparent }),
  }
}

function isStepType(type: string): boolean {
  return STEP_TYPES.some(stepType => stepType === type)
}

function noteInput<State>(
  progress: SagaProgress<State>,
  { type, meta: { causationId } }: RecordedEvent,
): SagaProgress<State> {
  if (isStepType(type) || causationId === undefined) return progress
  return { ...progress, inputs: new Set([...progress.inputs, causationId]) }
}

function isStepStuck(event: SagaEvent | StepStuck): event is StepStuck {
  return event.type === 'StepStuck'
}

function noteStuck<State>(
  progress: SagaProgress<State>,
  { step, error }: StepStuck['data'],
): SagaProgress<State> {
  return { ...progress, stuck: new Set([...progress.stuck, step]), lastError: error }
}

/** Removes the call or timer that the event settles. The last error is cleared with the response of the last stuck step. */
function settle<State>(progress: SagaProgress<State>, { type, data }: SagaEvent): SagaProgress<State> {
  const { step, timer, error } = data
  if (type === 'TimerFired' && typeof timer === 'string')
    return { ...progress, timers: without(progress.timers, timer) }
  const isResponse = type === 'StepSucceeded' || type === 'StepRefused' || type === 'StepFailed'
  if (!isResponse || typeof step !== 'string') return progress
  const { lastError, ...rest } = progress
  const stuck = new Set([...progress.stuck].filter(other => other !== step))
  const message = type === 'StepFailed' && typeof error === 'string' ? error : lastError
  const isFailing = stuck.size > 0 || type === 'StepFailed'
  return {
    ...rest,
    pending: without(progress.pending, step),
    stuck,
    ...(isFailing && message !== undefined && { lastError: message }),
  }
}

function addEffects<State>(
  progress: SagaProgress<State>,
  effects: readonly Effect[],
  meta: EventMeta,
): SagaProgress<State> {
  if (effects.length === 0) return progress
  const pending = new Map(progress.pending)
  const timers = new Map(progress.timers)
  for (const effect of effects) {
    if (effect.kind === 'call') pending.set(effect.step, { call: effect, meta })
    else if (effect.kind === 'start-timer') timers.set(effect.timer, { dueAt: effect.dueAt, meta })
    else timers.delete(effect.timer)
  }
  return { ...progress, pending, timers }
}

function without<Value>(map: ReadonlyMap<string, Value>, key: string): ReadonlyMap<string, Value> {
  if (!map.has(key)) return map
  return new Map([...map].filter(([other]) => other !== key))
}

function causedBy(name: string, { id, stream, meta }: RecordedEvent): EventMeta {
  const { correlationId = stream.slice(name.length + 1), traceparent } = meta
  return {
    actor: `service:${name}`,
    correlationId,
    causationId: id,
    ...(traceparent !== undefined && { traceparent }),
  }
}

function toStatus(
  id: string,
  phase: SagaStatus['phase'],
  { pending, timers, stuck, lastError, updatedAt }: SagaProgress<unknown>,
): SagaStatus {
  return {
    id,
    phase,
    pending: [...pending.keys()],
    timers: Object.fromEntries([...timers].map(([name, { dueAt }]) => [name, dueAt])),
    stuck: stuck.size > 0,
    ...(lastError !== undefined && { lastError }),
    updatedAt,
  }
}
