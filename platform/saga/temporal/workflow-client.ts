// The client for the workflows of one kind of saga: delivers events to them and reads what their runs hold.
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
import { createPolicy, type Policy } from '#platform/resilience/policy.ts'
import { streamOf } from '#platform/saga/streams.ts'
import {
  EVENT_SIGNAL,
  type IncomingEvent,
  RUN_QUERY,
  type RunOrigin,
  type RunState,
  WORKFLOW_TYPE,
} from '#platform/saga/temporal/messages.ts'
import { codeOf } from '#platform/saga/temporal/worker.ts'

type OpenRun = RunState & { readonly base: RunOrigin }

/** Each method throws CallerError UNAVAILABLE while Temporal is unreachable. */
export type WorkflowClient = {
  /** Delivers the event, durably when it resolves. Starts a run where none is open. */
  deliver(sagaId: string, event: IncomingEvent): Promise<void>
  /** Starts the saga's first run; does nothing where there was one. */
  start(sagaId: string): Promise<void>
  /** Returns the open run with everything that has arrived by now; undefined when no run is open. */
  readRun(sagaId: string): Promise<OpenRun | undefined>
}

type WorkflowClientOptions = {
  readonly connection: NativeConnection
  readonly namespace: string
  readonly taskQueue: string
  readonly saga: string
}

type Self = WorkflowClientOptions & { readonly workflow: Client['workflow']; readonly policy: Policy }

const CALL_MS = 10_000
const QUERY_RETRY_MS = 20
/** gRPC: cancelled, deadline exceeded, resource exhausted, aborted, unavailable. */
const UNAVAILABLE_CODES = new Set([1, 4, 8, 10, 14])
/** gRPC's failed precondition: the workflow has not had its first task. */
const NOT_STARTED_CODE = 9

export function createWorkflowClient(options: WorkflowClientOptions): WorkflowClient {
  const { connection, namespace } = options
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
  const self: Self = { ...options, workflow, policy }
  return {
    async deliver(sagaId, event) {
      const signal = { signal: EVENT_SIGNAL, signalArgs: [event] }
      await call(self, () =>
        workflow.signalWithStart(WORKFLOW_TYPE, { ...startOptions(self, sagaId), ...signal }),
      )
    },
    async start(sagaId) {
      const once = { ...startOptions(self, sagaId), workflowIdReusePolicy: 'REJECT_DUPLICATE' as const }
      await call(self, () => workflow.start(WORKFLOW_TYPE, once).then(() => {}, ignoreStarted))
    },
    readRun: sagaId => readRun(self, sagaId),
  }
}

function startOptions({ saga, taskQueue }: Self, sagaId: string) {
  return { workflowId: streamOf(saga, sagaId), taskQueue, args: [{ saga, sagaId }] }
}

function call<T>({ connection, policy }: Self, operation: () => Promise<T>): Promise<T> {
  const bounded = () => connection.withDeadline(Date.now() + CALL_MS, operation).catch(throwUnavailable)
  return policy.run(bounded, { idempotent: false })
}

/** Retries for ten seconds while the workflow has not had its first task. */
async function readRun(self: Self, sagaId: string): Promise<OpenRun | undefined> {
  const until = Date.now() + CALL_MS
  for (;;) {
    const run = await call(self, () => queryRun(self, sagaId))
    if (run !== 'not started') return run
    if (Date.now() >= until) throw unavailable(new Error(`the workflow of saga ${sagaId} has not started`))
    await delay(QUERY_RETRY_MS)
  }
}

async function queryRun(
  { workflow, saga }: Self,
  sagaId: string,
): Promise<OpenRun | undefined | 'not started'> {
  try {
    const { base, ...run } = await workflow.getHandle(streamOf(saga, sagaId)).query<RunState>(RUN_QUERY)
    return base ? { ...run, base } : 'not started'
  } catch (error) {
    if (error instanceof WorkflowNotFoundError || error instanceof QueryRejectedError) return undefined
    if (error instanceof QueryNotRegisteredError || codeOf(error) === NOT_STARTED_CODE) return 'not started'
    throw error
  }
}

/** Applied inside the policy, whose circuit breaker must not count a saga that has begun already as a failure. */
function ignoreStarted(error: unknown): void {
  if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
}

function throwUnavailable(error: unknown): never {
  const code = codeOf(error)
  throw code !== undefined && UNAVAILABLE_CODES.has(code) ? unavailable(error) : error
}

function unavailable(cause: unknown): CallerError {
  return new CallerError('UNAVAILABLE', 'Temporal cannot be reached at the moment. Try again.', {}, cause)
}
