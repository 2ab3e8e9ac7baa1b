// A saga's history folded into where it stands: state, calls without an answer, timers, trouble. Pure.
import { createCodec } from '#platform/event-store/codec.ts'
import type { EventMeta, RecordedEvent } from '#platform/event-store/event-store.ts'
import type { Effect, SagaDefinition, SagaEvent, SagaStatus, StepEvent } from '#platform/saga/saga.ts'

export type CallEffect = Extract<Effect, { kind: 'call' }>

/** A call that was asked for, with the meta of what it does: caused by the event that asked. */
export type AskedCall = { readonly call: CallEffect; readonly meta: EventMeta }
export type RunningTimer = { readonly dueAt: string; readonly meta: EventMeta }

/** Where a saga stands after `version` events of its stream. */
export type Standing<State> = {
  readonly state: State
  readonly version: number
  readonly position: number
  readonly updatedAt: string
  /** Calls not answered yet, by step. */
  readonly pending: ReadonlyMap<string, AskedCall>
  readonly timers: ReadonlyMap<string, RunningTimer>
  /** Pending endless steps that have failed for longer than the policy's `stuckAfterMs`. */
  readonly stuck: ReadonlySet<string>
  readonly lastError?: string
}

/**
 * The runner's own note in a saga's stream: an endless step has failed for long, and goes on.
 * Definitions do not see it.
 */
export type StepStuck = {
  readonly type: 'StepStuck'
  readonly data: { readonly step: string; readonly error: string; readonly at: string }
}

const STEP_TYPES = ['StepSucceeded', 'StepRefused', 'StepFailed', 'TimerFired', 'StepStuck'] as const

export type Folder<State> = {
  readonly initial: Standing<State>
  /** Standing after one more event. Throws what the definition throws, and for events of a newer build. */
  fold(standing: Standing<State>, recorded: RecordedEvent): Standing<State>
  foldAll(events: readonly RecordedEvent[]): Standing<State>
  schemaOf(type: string): number
}

export function createFolder<State, Event extends SagaEvent>(
  definition: SagaDefinition<State, Event>,
): Folder<State> {
  const { types, schemas = {}, upcasters = {} } = definition
  const codec = createCodec<State, SagaEvent>({
    types: [...types, ...STEP_TYPES],
    schemas,
    upcasters,
  })
  const initial: Standing<State> = {
    state: definition.initial,
    version: 0,
    position: 0,
    updatedAt: '',
    pending: new Map(),
    timers: new Map(),
    stuck: new Set(),
  }

  function fold(standing: Standing<State>, recorded: RecordedEvent): Standing<State> {
    const { version, position, recordedAt } = recorded
    const now = { ...standing, version, position, updatedAt: recordedAt }
    const event = codec.decode(recorded)
    if (!event) return now
    if (isStuck(event)) return noteStuck(now, event.data)
    const known = event as Event | StepEvent // its type is listed, and its data is of the newest schema
    const state = definition.evolve(standing.state, known)
    const effects = definition.react(state, known)
    return ask(settle({ ...now, state }, event), effects, causedBy(definition.name, recorded))
  }

  return {
    initial,
    fold,
    foldAll: events => events.reduce(fold, initial),
    schemaOf: type => schemas[type] ?? 1,
  }
}

function isStuck(event: SagaEvent | StepStuck): event is StepStuck {
  return event.type === 'StepStuck'
}

function noteStuck<State>(standing: Standing<State>, { step, error }: StepStuck['data']): Standing<State> {
  if (!standing.pending.has(step)) return standing
  return { ...standing, stuck: new Set([...standing.stuck, step]), lastError: error }
}

/** Takes what the event answers off the lists. Trouble is forgotten with the answer to the last stuck step. */
function settle<State>(standing: Standing<State>, { type, data }: SagaEvent): Standing<State> {
  const { step, timer, error } = data
  if (type === 'TimerFired' && typeof timer === 'string')
    return { ...standing, timers: without(standing.timers, timer) }
  const isAnswer = type === 'StepSucceeded' || type === 'StepRefused' || type === 'StepFailed'
  if (!isAnswer || typeof step !== 'string') return standing
  const { lastError, ...rest } = standing
  const stuck = new Set([...standing.stuck].filter(other => other !== step))
  const message = type === 'StepFailed' && typeof error === 'string' ? error : lastError
  const isInTrouble = stuck.size > 0 || type === 'StepFailed'
  return {
    ...rest,
    pending: without(standing.pending, step),
    stuck,
    ...(isInTrouble && message !== undefined && { lastError: message }),
  }
}

function ask<State>(standing: Standing<State>, effects: readonly Effect[], meta: EventMeta): Standing<State> {
  if (effects.length === 0) return standing
  const pending = new Map(standing.pending)
  const timers = new Map(standing.timers)
  for (const effect of effects) {
    if (effect.kind === 'call') pending.set(effect.step, { call: effect, meta })
    else if (effect.kind === 'start-timer') timers.set(effect.timer, { dueAt: effect.dueAt, meta })
    else timers.delete(effect.timer)
  }
  return { ...standing, pending, timers }
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

export function statusOf<State>(
  definition: Pick<SagaDefinition<State, SagaEvent>, 'phase'>,
  id: string,
  standing: Standing<State>,
): SagaStatus {
  const { state, pending, timers, stuck, lastError, updatedAt } = standing
  return {
    id,
    phase: definition.phase(state),
    pending: [...pending.keys()],
    timers: Object.fromEntries([...timers].map(([name, { dueAt }]) => [name, dueAt])),
    stuck: stuck.size > 0,
    ...(lastError !== undefined && { lastError }),
    updatedAt,
  }
}
