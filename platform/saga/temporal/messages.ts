// What the workflow and the processes that serve it tell each other. Stored by Temporal: what is here only ever grows.
import type { JsonObject } from '#platform/domain/json.ts'
import type { EventMeta } from '#platform/event-store/event-store.ts'
import type { AskedCall, RunningTimer } from '#platform/saga/history.ts'

export const WORKFLOW_TYPE = 'saga'
export const ARRIVE = 'arrive'
export const RUN = 'run'

export type SagaStart = { readonly saga: string; readonly sagaId: string }

/** An event on its way into a saga's history, where each `commandId` stands at most once. */
export type Arrival = {
  readonly commandId: string
  readonly type: string
  readonly schema: number
  readonly data: JsonObject
  readonly meta: EventMeta
}

/** One that has come, in the order of `at`. */
export type RunEvent = Arrival & { readonly id: string; readonly at: string }

/** What of a saga's history lies outside the run: the events that earlier runs have closed with. */
export type Base = {
  /** Events of the saga's own stream, which the runner on the event store has left. */
  readonly inherited: number
  /** Runs that are closed. */
  readonly runs: number
  /** Events in both. */
  readonly version: number
  /** Of the last of them; later ones count on from here. */
  readonly position: number
}

/** What a run holds: its events, and those that have come and are not yet decided. */
export type RunState = {
  readonly base: Base | undefined
  readonly events: readonly RunEvent[]
  readonly inbox: readonly RunEvent[]
}

export type Doing = {
  readonly calls: readonly (AskedCall & { readonly isStuck: boolean })[]
  readonly timers: readonly (RunningTimer & { readonly timer: string })[]
  readonly cancelled: readonly string[]
}

export type Decision = {
  /** Places in the arrivals of those that count; the others stand in the history already. */
  readonly accepted: readonly number[]
  readonly doing: Doing
  /** Its phase is ended; no call is asked for, and no timer runs. */
  readonly isOver: boolean
  /** The run has as many events as one should. */
  readonly isFull: boolean
}

export type StepRequest = AskedCall & {
  readonly saga: string
  readonly sagaId: string
  readonly isStuck: boolean
  /** That were made before, by activities that ended without an answer. */
  readonly tries: number
}

/** `stuck` is told once, and the step then goes on `afterMs` later. */
export type StepOutcome =
  | { readonly kind: 'event'; readonly arrival: Arrival }
  | { readonly kind: 'stuck'; readonly arrival: Arrival; readonly afterMs: number; readonly tries: number }

/** Run by the worker that has the workflow in hand; their results are kept, so that a replay asks no definition. */
export type LocalActivities = {
  begin(saga: SagaStart): Promise<{ readonly base: Base; readonly doing: Doing; readonly isOver: boolean }>
  decide(
    run: SagaStart & {
      readonly base: Base
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
  close(run: SagaStart & { readonly base: Base; readonly events: readonly RunEvent[] }): Promise<Base>
}
