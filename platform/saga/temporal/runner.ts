// The saga runner on Temporal: every saga is a workflow, and any process runs its tasks.
import { createHistoryReducer, type HistoryReducer } from '#platform/saga/history.ts'
import type { OpenSagaRunner } from '#platform/saga/open.ts'
import type { SagaRunnerOptions } from '#platform/saga/runner.ts'
import type { SagaEvent, SagaRunner } from '#platform/saga/saga.ts'
import { createStatusWriter } from '#platform/saga/status-writer.ts'
import { openStatuses } from '#platform/saga/statuses.ts'
import { createDecisionActivities } from '#platform/saga/temporal/decision-activity.ts'
import type { RunState } from '#platform/saga/temporal/messages.ts'
import { migrateSagas } from '#platform/saga/temporal/migration.ts'
import { createRunHistory, type RunHistory } from '#platform/saga/temporal/run-history.ts'
import { createStepActivity, withoutRetry } from '#platform/saga/temporal/step-activity.ts'
import { readTemporalUrl } from '#platform/saga/temporal/url.ts'
import { connectToTemporal, startWorker, type WorkerLogger } from '#platform/saga/temporal/worker.ts'
import { createWorkflowClient, type WorkflowClient } from '#platform/saga/temporal/workflow-client.ts'

type TemporalSagaOptions<State, Event extends SagaEvent> = Omit<
  SagaRunnerOptions<State, Event>,
  'now' | 'logger'
> & {
  readonly url: string
  readonly logger: WorkerLogger
  /** How long to wait for Temporal at the start; 60 s by default. */
  readonly startTimeoutMs?: number
  /** Events that a run takes before it continues as new; 250 by default. */
  readonly runLength?: number
}

const START_TIMEOUT_MS = 60_000
const RUN_LENGTH = 250

/**
 * Each saga is the workflow `<name>-<sagaId>` on the queue `waybill-<name>`, or that of the URL. Any process delivers events,
 * makes decisions, and makes up to 256 calls at once. A call whose process died is made again under its key ten seconds
 * later. A saga that is over is closed; its events are in `store`, and a later event continues from them. Sagas of the event
 * store's runner are migrated once no process runs that.
 *
 * Disposing waits for the calls under way; those that wait for a retry are left to other processes.
 */
export async function startTemporalSagaRunner<State, Event extends SagaEvent>(
  options: TemporalSagaOptions<State, Event>,
): Promise<OpenSagaRunner<Event>> {
  await using open = new AsyncDisposableStack()
  const { store, readModels, definition, perform, policy, logger } = options
  const saga = definition.name
  const endpoint = readTemporalUrl(options.url)
  const reducer = createHistoryReducer(definition)
  const runHistory = createRunHistory(store, saga, reducer)
  const statuses = await openStatuses(readModels, saga)
  const connection = await connectToTemporal(endpoint, options.startTimeoutMs ?? START_TIMEOUT_MS, logger)
  open.defer(() => connection.close())
  const writer = createStatusWriter(statuses, { saga, logger })
  open.defer(() => writer.close())
  const { namespace, taskQueue = `waybill-${saga}` } = endpoint
  const { runLength = RUN_LENGTH } = options
  const { begin, decide, close } = createDecisionActivities({
    reducer,
    runHistory,
    statuses,
    writer,
    runLength,
  })
  const steps = createStepActivity({ perform, policy, logger })
  const activities = { begin: withoutRetry(begin), decide: withoutRetry(decide), close, ...steps }
  const worker = open.use(await startWorker({ connection, namespace, taskQueue, activities, logger }))
  const workflowClient = createWorkflowClient({ connection, namespace, taskQueue, saga })
  open.use(await migrateSagas({ store, statuses, workflowClient, saga, logger }))

  const running = open.move()
  return {
    // Deliveries wait while Temporal is unreachable: the service does part of its work, and the rest late.
    health: { check: () => worker.health(), essential: false },
    start: (_sagaId, append) => store.append(append),
    deliver: (sagaId, inputId, { type, data, meta = {} }) =>
      workflowClient.deliver(sagaId, {
        commandId: `${sagaId}:input:${inputId}`,
        type,
        schema: reducer.schemaOf(type),
        data,
        meta,
      }),
    list: statuses.list,
    count: statuses.count,
    inspect: sagaId => inspect({ reducer, runHistory, workflowClient }, sagaId),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function inspect<State>(
  parts: {
    readonly reducer: HistoryReducer<State>
    readonly runHistory: RunHistory<State>
    readonly workflowClient: WorkflowClient
  },
  sagaId: string,
): ReturnType<SagaRunner<SagaEvent>['inspect']> {
  const { reducer, runHistory, workflowClient } = parts
  const run = await workflowClient.readRun(sagaId)
  const base = run?.base ?? (await runHistory.origin(sagaId))
  const past = await runHistory.read(sagaId, base)
  const events = run ? [...run.events, ...newEvents(run, past.commandIds)] : []
  const recorded = runHistory.recorded(sagaId, base, events)
  const all = [...past.events, ...recorded]
  if (all.length === 0) return undefined
  return {
    status: reducer.statusOf(sagaId, recorded.reduce(reducer.apply, past.progress)),
    history: all.map(({ type, data, recordedAt }) => ({ type, data, at: recordedAt })),
  }
}

/** Returns the events of the inbox that the history does not have yet. */
function newEvents({ events, inbox }: RunState, before: ReadonlySet<string>) {
  const known = new Set([...before, ...events.map(({ commandId }) => commandId)])
  return inbox.filter(({ commandId }) => !known.has(commandId) && known.add(commandId))
}
