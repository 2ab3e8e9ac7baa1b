// What one kind of saga asks of Temporal: events handed to workflows, and what a workflow holds. Free of what it means.
import { setTimeout as delay } from 'node:timers/promises'
import {
  Client,
  QueryNotRegisteredError,
  QueryRejectCondition,
  QueryRejectedError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client'
import type { NativeConnection } from '@temporalio/worker'
import { CallerError } from '#platform/domain/errors.ts'
import { createPolicy } from '#platform/resilience/policy.ts'
import { streamOf } from '#platform/saga/dependencies.ts'
import {
  ARRIVE,
  type Arrival,
  type Base,
  RUN,
  type RunState,
  WORKFLOW_TYPE,
} from '#platform/saga/temporal/messages.ts'
import { codeOf } from '#platform/saga/temporal/worker.ts'

export type OpenRun = RunState & { readonly base: Base }

/** Each throws CallerError UNAVAILABLE while Temporal is away. */
export type Workflows = {
  /** Durable when it resolves. Starts a run where none is open. */
  arrive(sagaId: string, arrival: Arrival): Promise<void>
  /** Starts the saga's first run; does nothing where there was one. */
  begin(sagaId: string): Promise<void>
  /** With all that has arrived by now; undefined when no run is open. */
  run(sagaId: string): Promise<OpenRun | undefined>
}

const CALL_MS = 10_000
const ASK_AGAIN_MS = 20
/** gRPC: cancelled, deadline exceeded, resource exhausted, aborted, unavailable. */
const AWAY = new Set([1, 4, 8, 10, 14])
/** gRPC's failed precondition: the workflow has not had its first task. */
const NOT_YET = 9

export function openWorkflows(options: {
  readonly connection: NativeConnection
  readonly namespace: string
  readonly taskQueue: string
  readonly saga: string
}): Workflows {
  const { connection, namespace, taskQueue, saga } = options
  const { workflow } = new Client({
    connection,
    namespace,
    workflow: { queryRejectCondition: QueryRejectCondition.NOT_OPEN },
  })
  const policy = createPolicy({
    name: 'temporal',
    timeoutMs: CALL_MS,
    retries: 0, // the connection itself tries again until the deadline
    concurrency: 64,
    queue: 10_000,
  })
  const startOf = (sagaId: string) => ({
    workflowId: streamOf(saga, sagaId),
    taskQueue,
    args: [{ saga, sagaId }],
  })

  function ask<T>(work: () => Promise<T>): Promise<T> {
    const bounded = () => connection.withDeadline(Date.now() + CALL_MS, work).catch(failAway)
    return policy.run(bounded, { idempotent: false })
  }

  async function askRun(sagaId: string): Promise<OpenRun | undefined | 'not yet'> {
    try {
      const { base, ...run } = await workflow.getHandle(streamOf(saga, sagaId)).query<RunState>(RUN)
      return base ? { ...run, base } : 'not yet'
    } catch (error) {
      if (error instanceof WorkflowNotFoundError || error instanceof QueryRejectedError) return undefined
      if (error instanceof QueryNotRegisteredError || codeOf(error) === NOT_YET) return 'not yet'
      throw error
    }
  }

  return {
    async arrive(sagaId, arrival) {
      const signal = { signal: ARRIVE, signalArgs: [arrival] }
      await ask(() => workflow.signalWithStart(WORKFLOW_TYPE, { ...startOf(sagaId), ...signal }))
    },
    async begin(sagaId) {
      const once = { ...startOf(sagaId), workflowIdReusePolicy: 'REJECT_DUPLICATE' as const }
      await ask(() => workflow.start(WORKFLOW_TYPE, once).then(() => {}, passOverStarted))
    },
    async run(sagaId) {
      const givesUpAt = Date.now() + CALL_MS
      for (;;) {
        const run = await ask(() => askRun(sagaId))
        if (run !== 'not yet') return run
        if (Date.now() >= givesUpAt) throw away(new Error(`saga ${sagaId} does not say where it stands`))
        await delay(ASK_AGAIN_MS)
      }
    },
  }
}

/** Inside the policy: that a saga has begun already says nothing bad about Temporal, and a sweep meets many. */
function passOverStarted(error: unknown): void {
  if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
}

function failAway(error: unknown): never {
  const code = codeOf(error)
  throw code !== undefined && AWAY.has(code) ? away(error) : error
}

function away(cause: unknown): CallerError {
  return new CallerError('UNAVAILABLE', 'Temporal cannot be reached at the moment. Try again.', {}, cause)
}
