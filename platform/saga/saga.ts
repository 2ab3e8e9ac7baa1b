// The saga port: a pure definition (evolve, react) and the runner that makes it durable.
import type { Json, JsonObject } from '#platform/domain/json.ts'
import type { Upcaster } from '#platform/event-store/aggregate.ts'
import type { Append, AppendResult, EventMeta } from '#platform/event-store/event-store.ts'
import type { Page, Query } from '#platform/read-models/read-models.ts'

export type SagaEvent = { readonly type: string; readonly data: JsonObject }

/** The outcome of a step's call, recorded in the saga's stream. `StepFailed` only after the time that the policy allows. */
export type StepEvent =
  | {
      readonly type: 'StepSucceeded'
      readonly data: { readonly step: string; readonly result: JsonObject; readonly at: string }
    }
  | {
      readonly type: 'StepRefused'
      readonly data: {
        readonly step: string
        readonly code: string
        readonly message: string
        readonly details: JsonObject
        readonly at: string
      }
    }
  | {
      readonly type: 'StepFailed'
      readonly data: { readonly step: string; readonly error: string; readonly at: string }
    }
  | { readonly type: 'TimerFired'; readonly data: { readonly timer: string; readonly at: string } }

/**
 * A `call` is made at least once with the idempotency key `sagaId:step`; a step name is used once in a saga's life.
 * A `bounded` call becomes StepFailed when its time runs out (for steps that can be compensated). An `endless` call is
 * retried until it has a response, and listed as stuck meanwhile (for compensations and money owed).
 */
export type Effect =
  | {
      readonly kind: 'call'
      readonly step: string
      readonly command: string
      readonly input: JsonObject
      readonly patience: 'bounded' | 'endless'
    }
  | { readonly kind: 'start-timer'; readonly timer: string; readonly dueAt: string }
  | { readonly kind: 'cancel-timer'; readonly timer: string }

/**
 * A saga as a pure decider. Its history is a stream of its own; `react` is called once per new event with the state that
 * includes it. Replaying a history through `react` must give the same effects.
 */
export type SagaDefinition<State, Event extends SagaEvent> = {
  readonly name: string
  readonly initial: State
  readonly evolve: (state: State, event: Event | StepEvent) => State
  readonly react: (state: State, event: Event | StepEvent) => readonly Effect[]
  readonly phase: (state: State) => 'running' | 'compensating' | 'ended'
  /** The types of all input events; a stored event of another type is skipped. */
  readonly types: readonly Event['type'][]
  /** The schemas of input event types past 1, and the upcasters of older data, by `Type@fromSchema`. */
  readonly schemas?: Readonly<Record<string, number>>
  readonly upcasters?: Readonly<Record<string, Upcaster>>
}

/** The response of a call. A thrown error means that the outcome is unknown: the runner retries under the same key. */
export type StepResponse =
  | { readonly status: 'succeeded'; readonly result: JsonObject }
  | {
      readonly status: 'refused'
      readonly code: string
      readonly message: string
      readonly details?: JsonObject
    }

export type Call = {
  readonly sagaId: string
  readonly step: string
  readonly command: string
  readonly input: JsonObject
  readonly key: string
  readonly meta: EventMeta
}

export type SagaStatus = {
  readonly id: string
  readonly phase: 'running' | 'compensating' | 'ended'
  /** Steps that were called and have no response yet. */
  readonly pending: readonly string[]
  /** Due instants by the name of the timer. */
  readonly timers: Readonly<Record<string, string>>
  /** True once a pending endless step has failed for longer than the policy's `stuckAfterMs`. */
  readonly stuck: boolean
  readonly lastError?: string
  readonly updatedAt: string
}

export type SagaFilter = { readonly phase?: SagaStatus['phase']; readonly stuck?: boolean }

/** The order is ascending unless it is `descending`. */
export type SagaPage = Pick<Query, 'limit' | 'after' | 'before' | 'fromEnd'> & {
  readonly descending?: boolean
}

export interface SagaRunner<Event extends SagaEvent> extends AsyncDisposable {
  /**
   * Makes `append`, whose first event begins the new saga `sagaId` with the input `event`: in the same append where the runner
   * keeps histories in the same store. To be followed by `deliver` under that event's id, which does nothing then.
   */
  start(sagaId: string, append: Append, event: Event & { readonly meta?: EventMeta }): Promise<AppendResult>
  /**
   * Records `event` in the saga's history, once per `inputId`, which names its cause; starts the saga with its first event.
   * Durable when it resolves.
   */
  deliver(sagaId: string, inputId: string, event: Event & { readonly meta?: EventMeta }): Promise<void>
  /**
   * Returns a page of statuses in the order of their last change, as a page of a read model. A saga is listed two seconds
   * after it paused, ended or got into trouble at the latest, so one that is moving may be listed as it was before.
   */
  list(filter: SagaFilter, page: SagaPage): Promise<Page<SagaStatus>>
  /** Resolves to the number of sagas that `list` has with the filter, or to `atMost` when there are more. */
  count(filter: SagaFilter, atMost: number): Promise<number>
  /** Returns the status with the whole history, oldest first; undefined for an unknown id. */
  inspect(
    sagaId: string,
  ): Promise<{ status: SagaStatus; history: { type: string; data: Json; at: string }[] } | undefined>
}
