// The saga runner on Temporal: every saga is a workflow, which all processes serve. Loaded only when WORKFLOW_URL asks.
import type { NamedCheck } from '#platform/resilience/health.ts'
import { createFolder, type Folder, statusOf } from '#platform/saga/history.ts'
import type { SagaRunnerOptions } from '#platform/saga/runner.ts'
import type { SagaDefinition, SagaEvent, SagaRunner } from '#platform/saga/saga.ts'
import { createStatusWriter } from '#platform/saga/status-writer.ts'
import { openStatuses } from '#platform/saga/statuses.ts'
import { createDeciding } from '#platform/saga/temporal/decision-activity.ts'
import type { RunState } from '#platform/saga/temporal/messages.ts'
import { adoptSagas } from '#platform/saga/temporal/migration.ts'
import { openPasts, type Pasts } from '#platform/saga/temporal/run-history.ts'
import { createActivities, failFinally } from '#platform/saga/temporal/step-activity.ts'
import { readTemporalUrl } from '#platform/saga/temporal/url.ts'
import { connect, type Log, serve } from '#platform/saga/temporal/worker.ts'
import { openWorkflows, type Workflows } from '#platform/saga/temporal/workflow-client.ts'

export type TemporalSagaOptions<State, Event extends SagaEvent> = Omit<
  SagaRunnerOptions<State, Event>,
  'now' | 'logger'
> & {
  readonly url: string
  readonly logger: Log
  /** How long to wait for Temporal at the start; a minute when left out. */
  readonly startTimeoutMs?: number
  /** Events that a run takes before it continues as new; 250 when left out. */
  readonly runLength?: number
}

export type TemporalSagaRunner<Event extends SagaEvent> = SagaRunner<Event> & { readonly health: NamedCheck }

const START_TIMEOUT_MS = 60_000
const RUN_LENGTH = 250
/** Of a list, when no limit is given. */
const LIST = 50

/**
 * Each saga is the workflow `<name>-<sagaId>` on the queue `waybill-<name>`, or that of the URL. Any process delivers,
 * decides and performs: at most 256 calls at once each. A call may be made again under its key: when its process died,
 * ten seconds later. A saga that is over is closed; its events lie in `store`, and a later event goes on from them.
 * Sagas that the runner on the event store left are taken over once no process runs it.
 *
 * Disposing waits for the calls under way; those that wait for another try are left to other processes.
 */
export async function startTemporalSagaRunner<State, Event extends SagaEvent>(
  options: TemporalSagaOptions<State, Event>,
): Promise<TemporalSagaRunner<Event>> {
  await using open = new AsyncDisposableStack()
  const { store, readModels, definition, perform, policy, logger } = options
  const saga = definition.name
  const place = readTemporalUrl(options.url)
  const folder = createFolder(definition)
  const pasts = openPasts(store, saga, folder)
  const statuses = await openStatuses(readModels, saga)
  const connection = await connect(place, options.startTimeoutMs ?? START_TIMEOUT_MS, logger)
  open.defer(() => connection.close())
  const writer = createStatusWriter(statuses, error =>
    logger.warn({ err: error, saga }, 'where sagas stand was not written and is tried again'),
  )
  open.defer(() => writer.close())
  const { namespace, taskQueue = `waybill-${saga}` } = place
  const { runLength = RUN_LENGTH } = options
  const { begin, decide, close } = createDeciding({
    store,
    definition,
    folder,
    pasts,
    statuses,
    writer,
    runLength,
  })
  const steps = createActivities({ perform, policy, logger, now: () => new Date() })
  const activities = { begin: failFinally(begin), decide: failFinally(decide), close, ...steps }
  const serving = open.use(await serve({ connection, namespace, taskQueue, activities, logger }))
  const workflows = openWorkflows({ connection, namespace, taskQueue, saga })
  open.use(await adoptSagas({ store, statuses, workflows, saga, logger }))

  const running = open.move()
  return {
    // While Temporal is away what is to be delivered waits: the service does part of its work, and the rest late.
    health: { check: () => serving.health(), essential: false },
    deliver: (sagaId, inputId, { type, data }, meta = {}) =>
      workflows.arrive(sagaId, {
        commandId: `${sagaId}:input:${inputId}`,
        type,
        schema: folder.schemaOf(type),
        data,
        meta,
      }),
    list: (filter = {}, limit = LIST, after) => statuses.list(filter, limit, after),
    inspect: sagaId => inspect({ definition, folder, pasts, workflows }, sagaId),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function inspect<State>(
  desk: {
    readonly definition: Pick<SagaDefinition<State, SagaEvent>, 'phase'>
    readonly folder: Folder<State>
    readonly pasts: Pasts<State>
    readonly workflows: Workflows
  },
  sagaId: string,
): ReturnType<SagaRunner<SagaEvent>['inspect']> {
  const { definition, folder, pasts, workflows } = desk
  const run = await workflows.run(sagaId)
  const base = run?.base ?? (await pasts.base(sagaId))
  const past = await pasts.read(sagaId, base)
  const events = run ? [...run.events, ...newIn(run, past.commandIds)] : []
  const recorded = pasts.recorded(sagaId, base, events)
  const all = [...past.events, ...recorded]
  if (all.length === 0) return undefined
  return {
    status: statusOf(definition, sagaId, recorded.reduce(folder.fold, past.standing)),
    history: all.map(({ type, data, recordedAt }) => ({ type, data, at: recordedAt })),
  }
}

/** What has arrived, and is going to count. */
function newIn({ events, inbox }: RunState, before: ReadonlySet<string>) {
  const known = new Set([...before, ...events.map(({ commandId }) => commandId)])
  return inbox.filter(({ commandId }) => !known.has(commandId) && known.add(commandId))
}
