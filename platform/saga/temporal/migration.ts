// Takes over the sagas that the runner on the event store left when WORKFLOW_URL was set. Free of Temporal.
import type { EventStore, RecordedEvent } from '#platform/event-store/event-store.ts'
import { idOf, inTurns, streamOf } from '#platform/saga/dependencies.ts'
import type { Statuses, StatusPage } from '#platform/saga/statuses.ts'
import { inheritedId } from '#platform/saga/temporal/run-history.ts'
import type { Log } from '#platform/saga/temporal/worker.ts'
import type { Workflows } from '#platform/saga/temporal/workflow-client.ts'

type Adoption = {
  readonly store: EventStore
  readonly statuses: Pick<Statuses, 'busy' | 'due'>
  readonly workflows: Workflows
  readonly saga: string
  readonly logger: Log
}

const AFTER_FAILURE_MS = 1_000
const END_OF_TIME = '9999'

/**
 * Owns the consumer of the runner on the event store, so nothing is taken over while a process still runs that. Then
 * every saga that waits for an answer or a timer gets a workflow, and so does each event that the runner left or, in a
 * process that is stopping, still records.
 */
export async function adoptSagas(adoption: Adoption): Promise<AsyncDisposable> {
  const { store, workflows, saga, logger } = adoption
  let retry: NodeJS.Timeout | undefined
  let isClosed = false

  async function sweep(): Promise<void> {
    try {
      await adoptWaiting(adoption)
    } catch (error) {
      logger.warn({ err: error, saga }, 'sagas of the event store were not taken over, and are tried again')
      if (!isClosed) retry = setTimeout(sweep, AFTER_FAILURE_MS)
    }
  }

  const consumer = await store.consume({
    name: `saga-${saga}`,
    categories: [saga],
    async handle(events) {
      const bySaga = Map.groupBy(events, ({ stream }) => idOf(saga, stream))
      await inTurns([...bySaga], async ([sagaId, own]) => {
        for (const event of own) await workflows.arrive(sagaId, arrivalOf(event))
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

/** A run that begins reads the stream: an event that it has read arrives in vain. */
function arrivalOf({ id, type, schema, data, meta }: RecordedEvent) {
  return { commandId: inheritedId(id), type, schema, data, meta }
}

async function adoptWaiting(adoption: Adoption): Promise<void> {
  const { statuses } = adoption
  for (const read of [statuses.busy, (after?: string) => statuses.due(END_OF_TIME, after)]) {
    let after: string | undefined
    do {
      const { items, next }: StatusPage = await read(after)
      await inTurns(items, ({ id }) => adopt(adoption, id))
      after = next
    } while (after !== undefined)
  }
}

/** One that began on Temporal has no stream of its own. */
async function adopt({ store, workflows, saga }: Adoption, sagaId: string): Promise<void> {
  const [first] = await store.readStream(streamOf(saga, sagaId), { upTo: 1 })
  if (first) await workflows.begin(sagaId)
}
