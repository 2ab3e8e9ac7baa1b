// Moves the sagas of the event store's runner to Temporal once WORKFLOW_URL is set.
import type { EventStore, RecordedEvent } from '#platform/event-store/event-store.ts'
import type { Statuses } from '#platform/saga/statuses.ts'
import { idOf, inBatches, streamOf } from '#platform/saga/streams.ts'
import { inheritedId } from '#platform/saga/temporal/run-history.ts'
import type { WorkerLogger } from '#platform/saga/temporal/worker.ts'
import type { WorkflowClient } from '#platform/saga/temporal/workflow-client.ts'

type Migration = {
  readonly store: EventStore
  readonly statuses: Pick<Statuses, 'busy' | 'due'>
  readonly workflowClient: WorkflowClient
  readonly saga: string
  readonly logger: WorkerLogger
}

const RETRY_MS = 1_000
const END_OF_TIME = '9999'

/**
 * Owns the consumer of the event store's runner, so nothing is moved while a process still runs that. Then every saga with a
 * pending call or timer gets a workflow, and so does each event that the runner left or, in a process that is stopping,
 * still records.
 */
export async function migrateSagas(migration: Migration): Promise<AsyncDisposable> {
  const { store, workflowClient, saga, logger } = migration
  let retry: NodeJS.Timeout | undefined
  let isClosed = false

  async function sweep(): Promise<void> {
    try {
      await migratePending(migration)
    } catch (error) {
      logger.warn({ err: error, saga }, `migration of sagas to Temporal failed, retrying in ${RETRY_MS} ms`)
      if (!isClosed) retry = setTimeout(sweep, RETRY_MS)
    }
  }

  const consumer = await store.consume({
    name: `saga-${saga}`,
    categories: [saga],
    async handle(events) {
      const bySaga = Map.groupBy(events, ({ stream }) => idOf(saga, stream))
      await inBatches([...bySaga], async ([sagaId, own]) => {
        for (const event of own) await workflowClient.deliver(sagaId, incomingEvent(event))
      })
    },
    onOwner: async () => void sweep(),
  })
  return {
    async [Symbol.asyncDispose]() {
      isClosed = true
      clearTimeout(retry)
      await consumer[Symbol.asyncDispose]()
    },
  }
}

/** A run that begins reads the stream, and ignores an event that it has read already. */
function incomingEvent({ id, type, schema, data, meta }: RecordedEvent) {
  return { commandId: inheritedId(id), type, schema, data, meta }
}

async function migratePending(migration: Migration): Promise<void> {
  const { statuses } = migration
  for (const pages of [statuses.busy(), statuses.due(END_OF_TIME)])
    for await (const page of pages) await inBatches(page, ({ id }) => startWorkflow(migration, id))
}

/** Does nothing for a saga that began on Temporal, which has no stream of its own. */
async function startWorkflow({ store, workflowClient, saga }: Migration, sagaId: string): Promise<void> {
  const [first] = await store.readStream(streamOf(saga, sagaId), { upTo: 1 })
  if (first) await workflowClient.start(sagaId)
}
