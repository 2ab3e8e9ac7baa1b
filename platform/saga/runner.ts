// The saga runner on the event store: durable histories, one owner at a time, calls that are retried until they have a response.
import type { Consumer, EventStore } from '#platform/event-store/event-store.ts'
import type { ReadModels } from '#platform/read-models/read-models.ts'
import type { SagaPolicy } from '#platform/saga/attempt.ts'
import { type SagaDependencies, streamOf } from '#platform/saga/dependencies.ts'
import { createHistoryReducer } from '#platform/saga/history.ts'
import { createJournal } from '#platform/saga/journal.ts'
import { type Ownership, startOwnership } from '#platform/saga/ownership.ts'
import type { Call, SagaDefinition, SagaEvent, SagaRunner, StepResponse } from '#platform/saga/saga.ts'
import { openStatuses } from '#platform/saga/statuses.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type SagaRunnerOptions<State, Event extends SagaEvent> = {
  readonly store: EventStore
  readonly readModels: ReadModels
  readonly definition: SagaDefinition<State, Event>
  /** Makes a call. It may be repeated under the same key; a throw means that the outcome is unknown. */
  readonly perform: (call: Call) => Promise<StepResponse>
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
  const { store, readModels, definition, perform, policy, logger, now = () => new Date() } = options
  const saga = definition.name
  const reducer = createHistoryReducer(definition)
  const journal = createJournal(store, sagaId => streamOf(saga, sagaId))
  const statuses = await openStatuses(readModels, saga)
  const owner = createOwner({ store, saga, reducer, journal, statuses, perform, policy, logger, now })
  const consumer = await store.consume({
    name: `saga-${saga}`,
    categories: [saga],
    handle: owner.handle,
    onOwner: async () => owner.begin(),
    onLost: () => owner.end(),
  })

  return {
    consumer,
    deliver: (sagaId, inputId, { type, data, meta = {} }) =>
      journal.record(sagaId, {
        commandId: `${sagaId}:input:${inputId}`,
        event: { type, schema: reducer.schemaOf(type), data },
        meta,
      }),
    list: statuses.list,
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
  let ownership: Ownership | undefined
  let ends: Promise<void> = Promise.resolve()

  function end(): void {
    if (ownership) ends = Promise.all([ends, ownership.end()]).then(() => {}) // the results would be kept
    ownership = undefined
  }

  return {
    begin() {
      end()
      ownership = startOwnership(dependencies)
    },
    end,
    async handle(events: Parameters<Ownership['handle']>[0]) {
      ownership ??= startOwnership(dependencies)
      await ownership.handle(events)
    },
    ended: () => ends,
  }
}
