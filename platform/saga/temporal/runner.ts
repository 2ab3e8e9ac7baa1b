// The saga runner on Temporal: every saga is a workflow, which all processes serve. Loaded only when WORKFLOW_URL asks.
import { setTimeout as delay } from 'node:timers/promises'
import {
  Client,
  QueryNotRegisteredError,
  QueryRejectCondition,
  QueryRejectedError,
  WorkflowNotFoundError,
} from '@temporalio/client'
import { CallerError } from '#platform/domain/errors.ts'
import type { NamedCheck } from '#platform/http/health.ts'
import { streamOf } from '#platform/saga/desk.ts'
import { createFolder, statusOf } from '#platform/saga/history.ts'
import type { SagaRunnerOptions } from '#platform/saga/runner.ts'
import type { SagaEvent, SagaRunner } from '#platform/saga/saga.ts'
import { createStatusWriter } from '#platform/saga/status-writer.ts'
import { openStatuses } from '#platform/saga/statuses.ts'
import { createDeciding } from '#platform/saga/temporal/deciding.ts'
import { openPasts } from '#platform/saga/temporal/past.ts'
import { codeOf, connect, serve } from '#platform/saga/temporal/serving.ts'
import { createActivities } from '#platform/saga/temporal/step.ts'
import { readTemporalUrl } from '#platform/saga/temporal/url.ts'
import { ARRIVE, type Arrival, RUN, type RunState, WORKFLOW_TYPE } from '#platform/saga/temporal/wire.ts'

export type TemporalSagaOptions<State, Event extends SagaEvent> = Omit<
  SagaRunnerOptions<State, Event>,
  'now'
> & {
  readonly url: string
  /** How long to wait for Temporal at the start; a minute when left out. */
  readonly patienceMs?: number
  /** Events that a run takes before it continues as new; 500 when left out. */
  readonly runLength?: number
}

export type TemporalSagaRunner<Event extends SagaEvent> = SagaRunner<Event> & { readonly health: NamedCheck }

const PATIENCE_MS = 60_000
const RUN_LENGTH = 500
/** Of a list, when no limit is given. */
const LIST = 50
const CALL_MS = 10_000
const ASK_AGAIN_MS = 20
/** gRPC: cancelled, deadline exceeded, resource exhausted, aborted, unavailable. */
const AWAY = new Set([1, 4, 8, 10, 14])
/** gRPC's failed precondition: the workflow has not had its first task. */
const NOT_YET = 9

/**
 * Each saga is the workflow `<name>-<sagaId>` on the queue `waybill-<name>`, or that of the URL. Any process delivers,
 * decides and performs: at most 256 calls at once each. A call may be made again under its key: when its process died,
 * ten seconds later. A saga that is over is closed; its events lie in `store`, and a later event goes on from them.
 *
 * Disposing waits for the calls under way; those that wait for another try are left to other processes.
 */
export async function startTemporalSagaRunner<State, Event extends SagaEvent>(
  options: TemporalSagaOptions<State, Event>,
): Promise<TemporalSagaRunner<Event>> {
  await using open = new AsyncDisposableStack()
  const { store, readModels, definition, perform, policy, logger } = options
  const { name } = definition
  const { patienceMs = PATIENCE_MS, runLength = RUN_LENGTH } = options
  const place = readTemporalUrl(options.url)
  const folder = createFolder(definition)
  const pasts = openPasts(store, name, folder)
  const statuses = await openStatuses(readModels, name)
  const connection = await connect(place, patienceMs, logger)
  open.defer(() => connection.close())
  const writer = createStatusWriter(statuses, error =>
    logger?.warn({ err: error, saga: name }, 'where sagas stand was not written and is tried again'),
  )
  open.defer(() => writer.close())
  const { namespace, taskQueue = `waybill-${name}` } = place
  const activities = {
    ...createDeciding({ store, definition, folder, pasts, statuses, writer, runLength }),
    ...createActivities({ perform, policy, logger, now: () => new Date() }),
  }
  const serving = open.use(await serve({ connection, namespace, taskQueue, activities, logger }))
  const { workflow } = new Client({
    connection,
    namespace,
    workflow: { queryRejectCondition: QueryRejectCondition.NOT_OPEN },
  })

  function arrive(sagaId: string, arrival: Arrival): Promise<void> {
    return connection.withDeadline(Date.now() + CALL_MS, async () => {
      await workflow.signalWithStart(WORKFLOW_TYPE, {
        workflowId: streamOf(name, sagaId),
        taskQueue,
        args: [{ saga: name, sagaId }],
        signal: ARRIVE,
        signalArgs: [arrival],
      })
    })
  }

  /** Undefined when no run is open. */
  async function runOf(sagaId: string): Promise<RunState | undefined> {
    const handle = workflow.getHandle(streamOf(name, sagaId))
    const givesUpAt = Date.now() + CALL_MS
    while (Date.now() < givesUpAt) {
      try {
        const run = await connection.withDeadline(givesUpAt, () => handle.query<RunState>(RUN))
        if (run.base) return run
      } catch (error) {
        if (error instanceof WorkflowNotFoundError || error instanceof QueryRejectedError) return undefined
        if (!(error instanceof QueryNotRegisteredError) && codeOf(error) !== NOT_YET) throw error
      }
      await delay(ASK_AGAIN_MS)
    }
    throw away(new Error(`saga ${sagaId} did not say where it stands in ${CALL_MS} ms`))
  }

  const running = open.move()
  return {
    health: { check: () => serving.health(), essential: true },
    deliver: (sagaId, inputId, { type, data }, meta = {}) =>
      arrive(sagaId, {
        commandId: `${sagaId}:input:${inputId}`,
        type,
        schema: folder.schemaOf(type),
        data,
        meta,
      }).catch(error => {
        throw asAway(error)
      }),
    list: (filter = {}, limit = LIST, after) => statuses.list(filter, limit, after),
    async inspect(sagaId) {
      const run = await runOf(sagaId).catch(error => {
        throw asAway(error)
      })
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
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** What has come and is going to count. */
function newIn({ events, inbox }: RunState, before: ReadonlySet<string>) {
  const known = new Set([...before, ...events.map(({ commandId }) => commandId)])
  return inbox.filter(({ commandId }) => !known.has(commandId) && known.add(commandId))
}

function asAway(error: unknown): unknown {
  const code = codeOf(error)
  return code !== undefined && AWAY.has(code) ? away(error) : error
}

function away(cause: unknown): CallerError {
  return new CallerError('UNAVAILABLE', 'Temporal cannot be reached at the moment. Try again.', {}, cause)
}
