// A process's part in Temporal: the connection, and a worker that is there again whenever it was lost. Free of sagas.
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isGrpcServiceError } from '@temporalio/client'
import {
  bundleWorkflowCode,
  DefaultLogger,
  type LogEntry,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker'
import { OperatorError } from '#platform/domain/errors.ts'
import { createWakeSignal } from '#platform/resilience/backoff.ts'
import type { Health } from '#platform/resilience/health.ts'
import { waitForDependency } from '#platform/resilience/startup-wait.ts'
import { MAX_ACTIVE } from '#platform/saga/attempt.ts'
import type { TemporalPlace } from '#platform/saga/temporal/url.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type Serving = AsyncDisposable & { health(): Promise<Health> }
export type Log = Pick<Logger, 'warn' | 'error'>

const ATTEMPT_MS = 5_000
const HEALTH_MS = 1_500
const AFTER_FAILURE_MS = 1_000
/** Of one worker; the others' histories are read again. */
const MAX_CACHED = 2_000
const GRPC = { notFound: 5, denied: 7, unauthenticated: 16 }
const WORKFLOWS = fileURLToPath(new URL('./workflow.ts', import.meta.url))

/**
 * Resolves once Temporal answers for the namespace. Throws OperatorError WORKFLOWS_UNREACHABLE when it has not after
 * `startTimeoutMs`, and WORKFLOWS_REFUSED at once when it does not take the key or certificate.
 */
export async function connect(
  place: TemporalPlace,
  startTimeoutMs: number,
  logger: Log,
): Promise<NativeConnection> {
  installRuntime(logger)
  const what = `Temporal at ${place.address}, which WORKFLOW_URL names`
  try {
    return await waitForDependency(() => attempt(place), { logger, what, startTimeoutMs, isFinal: isRefusal })
  } catch (cause) {
    const reason = reasonOf(place, cause)
    throw isRefusal(cause)
      ? new OperatorError('WORKFLOWS_REFUSED', `${what}, does not take what that shows: ${reason}`, cause)
      : new OperatorError(
          'WORKFLOWS_UNREACHABLE',
          `${what}, could not be used within ${startTimeoutMs / 1000} seconds: ${reason}`,
          cause,
        )
  }
}

/** The first call of a connection fails without its status: its text says the same. */
const REFUSAL = /does not have (valid authentication credentials|permission)/

function isRefusal(error: unknown): boolean {
  const code = codeOf(error)
  if (code === undefined) return error instanceof Error && REFUSAL.test(error.message)
  return code === GRPC.denied || code === GRPC.unauthenticated
}

function reasonOf({ namespace }: TemporalPlace, cause: unknown): string {
  if (codeOf(cause) === GRPC.notFound) return `it has no namespace "${namespace}"`
  return cause instanceof Error ? cause.message : String(cause)
}

async function attempt({ address, apiKey, tls, namespace }: TemporalPlace): Promise<NativeConnection> {
  const connection = await within(
    ATTEMPT_MS,
    NativeConnection.connect({ address, tls, ...(apiKey !== undefined && { apiKey }) }),
    late => void late.close(),
  )
  try {
    await connection.withDeadline(Date.now() + ATTEMPT_MS, () =>
      connection.workflowService.describeNamespace({ namespace }),
    )
    return connection
  } catch (error) {
    await connection.close()
    throw error
  }
}

/** Rejects after `ms`; `drop` is given what comes later than that. */
async function within<T>(ms: number, work: Promise<T>, drop: (late: T) => void): Promise<T> {
  const over = new AbortController()
  const timeout = delay(ms, undefined, { signal: over.signal }).then(() => {
    void work.then(drop, () => {})
    throw new Error(`no answer in ${ms} ms`)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    timeout.catch(() => {})
    over.abort()
  }
}

/** The gRPC status of a failure, or of what caused it. */
export function codeOf(error: unknown): number | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (isGrpcServiceError(cause)) return cause.code
  return undefined
}

/** Temporal's own log lines go to ours, and signals to whoever stops the service in order. Once in a process. */
function installRuntime(logger: Log): void {
  const write = ({ level, message, meta }: LogEntry) =>
    level === 'WARN' || level === 'ERROR' ? logger.warn({ temporal: meta }, message) : undefined
  try {
    Runtime.install({
      logger: new DefaultLogger('WARN', write),
      telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } },
      shutdownSignals: [],
    })
  } catch (error) {
    if (!(error instanceof Error && error.name === 'IllegalStateError')) throw error
  }
}

let bundled: Promise<WorkflowBundleWithSourceMap> | undefined

/** The workflow's code as its sandbox takes it; made once in a process, in a second or two. */
function bundle(): Promise<WorkflowBundleWithSourceMap> {
  bundled ??= bundleWorkflowCode({ workflowsPath: WORKFLOWS, logger: new DefaultLogger('WARN', () => {}) })
  return bundled
}

export type ServingOptions = {
  readonly connection: NativeConnection
  readonly namespace: string
  readonly taskQueue: string
  readonly activities: object
  readonly logger: Log
}

/** Serves the queue until disposed; a worker that fails is followed by another. Disposing waits for calls under way. */
export async function serve(options: ServingOptions): Promise<Serving> {
  const { connection, namespace, taskQueue, logger } = options
  let worker = await createWorker(options)
  let lastError: string | undefined
  let isStopped = false
  const wakeSignal = createWakeSignal()

  async function run(): Promise<void> {
    while (!isStopped) {
      try {
        if (worker.getState() !== 'INITIALIZED') worker = await createWorker(options)
        lastError = undefined
        if (isStopped) return
        await worker.run()
      } catch (error) {
        lastError = error instanceof Error ? error.message : String(error)
        logger.warn({ err: error, taskQueue }, 'a worker of Temporal failed, and another is started')
        await wakeSignal.wait(AFTER_FAILURE_MS)
      }
    }
  }
  const running = run()

  return {
    async health() {
      if (lastError !== undefined) return { ok: false, detail: lastError }
      await connection.withDeadline(Date.now() + HEALTH_MS, () =>
        connection.workflowService.describeNamespace({ namespace }),
      )
      return { ok: worker.getState() === 'RUNNING', detail: `worker ${worker.getState().toLowerCase()}` }
    },
    async [Symbol.asyncDispose]() {
      isStopped = true
      wakeSignal.notify()
      if (worker.getState() === 'RUNNING') worker.shutdown()
      await running
    },
  }
}

async function createWorker({ connection, namespace, taskQueue, activities }: ServingOptions) {
  return Worker.create({
    connection,
    namespace,
    taskQueue,
    activities,
    workflowBundle: await bundle(),
    maxConcurrentActivityTaskExecutions: MAX_ACTIVE,
    maxCachedWorkflows: MAX_CACHED,
    // Calls are not cancelled: the worker waits for them.
    shutdownGraceTime: '1 hour',
    stickyQueueScheduleToStartTimeout: '5s',
  })
}
