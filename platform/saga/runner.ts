// The saga runner on the event store: durable histories, one owner at a time, calls until they are answered.
import type { Consumer, EventStore } from '#platform/event-store/event-store.ts'
import type { ReadModels } from '#platform/read-models/read-models.ts'
import type { SagaPolicy } from '#platform/saga/attempt.ts'
import { type SagaDesk, streamOf } from '#platform/saga/dependencies.ts'
import { createFolder, statusOf } from '#platform/saga/history.ts'
import { createJournal } from '#platform/saga/journal.ts'
import { beginTenure, type Tenure } from '#platform/saga/ownership.ts'
import type { Call, SagaDefinition, SagaEvent, SagaRunner, StepAnswer } from '#platform/saga/saga.ts'
import { openStatuses } from '#platform/saga/statuses.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type { SagaPolicy } from '#platform/saga/attempt.ts'

export type SagaRunnerOptions<State, Event extends SagaEvent> = {
  readonly store: EventStore
  readonly readModels: ReadModels
  readonly definition: SagaDefinition<State, Event>
  /** Makes a call. May be asked to repeat it under the same key; a throw means that the answer is unknown. */
  readonly perform: (call: Call) => Promise<StepAnswer>
  readonly policy?: SagaPolicy
  readonly logger?: Pick<Logger, 'warn' | 'debug'>
  readonly now?: () => Date
}

/** `consumer` is what reacts: its dead letters are sagas that stand still. */
export type StoreSagaRunner<Event extends SagaEvent> = SagaRunner<Event> & { readonly consumer: Consumer }

/** Of a list, when no limit is given. */
const LIST = 50

/**
 * Each saga is a stream `<name>-<sagaId>` of `store`. Any process delivers to it; the one that owns the consumer
 * `saga-<name>` reacts. Whatever it leaves undone when it dies, the next owner takes up under the same keys.
 *
 * `perform` is called up to 256 times at once, and may be called again for a step that was answered. Disposing waits
 * for the calls under way; those that wait for another try are left to the next owner.
 */
export async function startSagaRunner<State, Event extends SagaEvent>(
  options: SagaRunnerOptions<State, Event>,
): Promise<StoreSagaRunner<Event>> {
  const { store, readModels, definition, perform, policy, logger, now = () => new Date() } = options
  const folder = createFolder(definition)
  const journal = createJournal(store, sagaId => streamOf(definition.name, sagaId))
  const statuses = await openStatuses(readModels, definition.name)
  const desk = {
    store,
    definition,
    folder,
    journal,
    statuses,
    perform,
    policy,
    logger,
    now,
  }
  const owning = own(desk)
  const consumer = await store.consume({
    name: `saga-${definition.name}`,
    categories: [definition.name],
    handle: owning.handle,
    onOwner: async () => owning.begin(),
    onLost: () => owning.end(),
  })

  return {
    consumer,
    deliver: (sagaId, inputId, { type, data }, meta = {}) =>
      journal.record(
        sagaId,
        `${sagaId}:input:${inputId}`,
        { type, schema: folder.schemaOf(type), data },
        meta,
      ),
    list: (filter = {}, limit = LIST, after) => statuses.list(filter, limit, after),
    async inspect(sagaId) {
      const events = await store.readStream(streamOf(definition.name, sagaId))
      if (events.length === 0) return undefined
      return {
        status: statusOf(definition, sagaId, folder.foldAll(events)),
        history: events.map(({ type, data, recordedAt }) => ({ type, data, at: recordedAt })),
      }
    },
    async [Symbol.asyncDispose]() {
      await consumer[Symbol.asyncDispose]()
      await owning.ended()
    },
  }
}

/** The present tenure, if this process is the owner, and the ends of former ones. */
function own<State>(desk: SagaDesk<State>) {
  let tenure: Tenure | undefined
  let ends: Promise<void> = Promise.resolve()

  function end(): void {
    const last = tenure
    tenure = undefined
    if (last) ends = Promise.all([ends, last.end()]).then(() => {})
  }

  return {
    begin() {
      end()
      tenure = beginTenure(desk)
    },
    end,
    async handle(events: Parameters<Tenure['handle']>[0]) {
      tenure ??= beginTenure(desk)
      await tenure.handle(events)
    },
    ended: () => ends,
  }
}
