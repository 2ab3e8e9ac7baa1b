// The messages between the workflow, its client and its activities. Temporal stores them: members may be added, never changed.
import type { JsonObject } from '#platform/domain/json.ts'
import type { EventMeta } from '#platform/event-store/event-store.ts'
import type { PendingCall, RunningTimer } from '#platform/saga/history.ts'

export const WORKFLOW_TYPE = 'saga'
export const EVENT_SIGNAL = 'arrive'
export const RUN_QUERY = 'run'

export type SagaStart = { readonly saga: string; readonly sagaId: string }

/** An event on its way into a saga's history, which has each `commandId` at most once. */
export type IncomingEvent = {
  readonly commandId: string
  readonly type: string
  readonly schema: number
  readonly data: JsonObject
  readonly meta: EventMeta
}

/** An event that has arrived, in the order of `at`. */
export type RunEvent = IncomingEvent & { readonly id: string; readonly at: string }

/** Says where a run begins: after the events of the saga that earlier runs have closed with. */
export type RunOrigin = {
  /** Events of the saga's own stream, which the runner on the event store has left. */
  readonly inherited: number
  /** Runs that are closed. */
  readonly runs: number
  /** Events in both. */
  readonly version: number
  /** The position of the last of them; later events count on from it. */
  readonly position: number
}

/** The events of a run, and those that have arrived and wait for a decision. */
export type RunState = {
  readonly base: RunOrigin | undefined
  readonly events: readonly RunEvent[]
  readonly inbox: readonly RunEvent[]
}

export type EffectChanges = {
  readonly calls: readonly (PendingCall & { readonly isStuck: boolean })[]
  readonly timers: readonly (RunningTimer & { readonly timer: string })[]
  readonly cancelled: readonly string[]
}

type Decision = {
  /** Indexes of the arrivals that are new; the history has the others already. */
  readonly accepted: readonly number[]
  readonly doing: EffectChanges
  /** Its phase is ended; no call is asked for, and no timer runs. */
  readonly isOver: boolean
  /** The run has as many events as one should. */
  readonly isFull: boolean
}

export type StepRequest = PendingCall & {
  readonly saga: string
  readonly sagaId: string
  readonly isStuck: boolean
  /** Counts the attempts of earlier activities, which ended without a response. */
  readonly tries: number
}

/** `stuck` is told once, and the step then goes on `afterMs` later. */
export type StepOutcome =
  | { readonly kind: 'event'; readonly arrival: IncomingEvent }
  | {
      readonly kind: 'stuck'
      readonly arrival: IncomingEvent
      readonly afterMs: number
      readonly tries: number
    }

/** Run by the worker that has the workflow in hand; their results are kept, so that a replay asks no definition. */
export type LocalActivities = {
  begin(
    saga: SagaStart,
  ): Promise<{ readonly base: RunOrigin; readonly doing: EffectChanges; readonly isOver: boolean }>
  decide(
    run: SagaStart & {
      readonly base: RunOrigin
      readonly events: readonly RunEvent[]
      readonly arrivals: readonly RunEvent[]
    },
  ): Promise<Decision>
}

export type Activities = {
  performStep(request: StepRequest): Promise<StepOutcome>
  /**
   * Writes the run's events where the next run finds them. No local activity: of those, one may be run in vain and
   * again with other events, and what was written stays.
   */
  close(
    run: SagaStart & { readonly base: RunOrigin; readonly events: readonly RunEvent[] },
  ): Promise<RunOrigin>
}
