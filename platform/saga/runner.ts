// The saga runner on the event store: durable histories, one owner at a time, calls that are retried until they have a response.
import type { Consumer, EventStore, RecordedEvent } from '#platform/event-store/event-store.ts'
import type { ReadModels } from '#platform/read-models/read-models.ts'
import type { SagaPolicy } from '#platform/saga/attempt.ts'
import type { SagaDependencies } from '#platform/saga/dependencies.ts'
import { createHistoryReducer } from '#platform/saga/history.ts'
import { createJournal } from '#platform/saga/journal.ts'
import type { LocalSteps } from '#platform/saga/local-steps.ts'
import { type Ownership, startOwnership } from '#platform/saga/ownership.ts'
import type { Call, SagaDefinition, SagaEvent, SagaRunner, StepResponse } from '#platform/saga/saga.ts'
import { openStatuses } from '#platform/saga/statuses.ts'
import { streamOf } from '#platform/saga/streams.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type SagaRunnerOptions<State, Event extends SagaEvent> = {
  readonly store: EventStore
  readonly readModels: ReadModels
  readonly definition: SagaDefinition<State, Event>
  /** Makes a call. It may be repeated under the same key; a throw means that the outcome is unknown. */
  readonly perform: (call: Call) => Promise<StepResponse>
  /** Steps that the runner may decide itself, in place of `perform`. */
  readonly local?: LocalSteps
  readonly policy?: SagaPolicy
  readonly logger?: Pick<Logger, 'warn'>
  readonly now?: () => Date
}

/** `consumer` reacts to the events: its dead letters are sagas that do not move. */
type StoreSagaRunner<Event extends SagaEvent> = SagaRunner<Event> & { readonly consumer: Consumer }

/**
 * Each saga is a stream `<name>-<sagaId>` of `store`. Any process delivers to it; the one that owns the consumer
 * `saga-<name>` reacts. What it leaves undone when it dies, the next owner recovers under the same keys.
 *
 * `perform` is called up to 256 times at once, and may be called again for a step that has a response. Disposing waits for
 * the calls under way; those that wait for a retry are left to the next owner.
 */
export async function startSagaRunner<State, Event extends SagaEvent>(
  options: SagaRunnerOptions<State, Event>,
): Promise<StoreSagaRunner<Event>> {
  const { store, readModels, definition, perform, local, policy, logger, now = () => new Date() } = options
  const saga = definition.name
  const reducer = createHistoryReducer(definition)
  const statuses = await openStatuses(readModels, saga)
  const journal = createJournal<State>({
    ...{ store, saga, reducer, local, now },
    onProgress: (sagaId, progress, before) => owner.react(sagaId, progress, before),
  })
  const owner = createOwner({ saga, reducer, journal, statuses, perform, policy, logger, now })
  const consumer = await store.consume({
    name: `saga-${saga}`,
    categories: [saga],
    handle: owner.handle,
    onOwner: async () => owner.begin(),
    onLost: () => owner.end(),
    safePosition: owner.safePosition,
  })

  return {
    consumer,
    start: (sagaId, append, { type, data, meta = {} }) =>
      journal.start(sagaId, append, { type, schema: reducer.schemaOf(type), data, meta }),
    async deliver(sagaId, inputId, { type, data, meta }) {
      const schema = reducer.schemaOf(type)
      await journal.record(sagaId, { type, schema, data, meta: { ...meta, causationId: inputId } })
      await owner.whenRoom()
    },
    list: statuses.list,
    count: statuses.count,
    async inspect(sagaId) {
      const events = await store.readStream(streamOf(saga, sagaId))
      if (events.length === 0) return undefined
      return {
        status: reducer.statusOf(sagaId, reducer.replay(events)),
        history: events.map(({ type, data, recordedAt }) => ({ type, data, at: recordedAt })),
      }
    },
    async [Symbol.asyncDispose]() {
      await consumer[Symbol.asyncDispose]()
      await owner.ended()
    },
  }
}

/** Holds the current ownership, if this process is the owner, and waits for the ends of former ones. */
function createOwner<State>(dependencies: SagaDependencies<State>) {
  const { journal } = dependencies
  let ownership: Ownership<State> | undefined
  let safePosition = () => Number.POSITIVE_INFINITY
  let ends: Promise<void> = Promise.resolve()

  function end(): void {
    if (ownership) ends = Promise.all([ends, ownership.end()]).then(() => {}) // the results would be kept
    ownership = undefined
  }

  return {
    begin() {
      end()
      ownership = startOwnership(dependencies)
      safePosition = ownership.safePosition
      journal.forget()
    },
    end,
    react(...progress: Parameters<Ownership<State>['react']>) {
      ownership?.react(...progress)
    },
    async handle(events: readonly RecordedEvent[]) {
      await journal.follow(events)
      await ownership?.whenRoom()
    },
    whenRoom: async () => ownership?.whenRoom(),
    /** The safe position of the last ownership still counts after its end, because the checkpoint is then stored once more. */
    safePosition: () => safePosition(),
    ended: () => ends,
  }
}
