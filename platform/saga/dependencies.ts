// Defines the dependencies that the parts of a saga runner share.
import type { SagaPolicy } from '#platform/saga/attempt.ts'
import type { HistoryReducer } from '#platform/saga/history.ts'
import type { Journal } from '#platform/saga/journal.ts'
import type { Call, StepResponse } from '#platform/saga/saga.ts'
import type { Statuses } from '#platform/saga/statuses.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type SagaDependencies<State> = {
  /** The name of the definition, which is the category of the streams. */
  readonly saga: string
  readonly reducer: HistoryReducer<State>
  readonly journal: Journal<State>
  readonly statuses: Statuses
  readonly perform: (call: Call) => Promise<StepResponse>
  readonly policy: SagaPolicy | undefined
  readonly logger: Pick<Logger, 'warn'> | undefined
  readonly now: () => Date
}
