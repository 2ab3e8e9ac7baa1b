// The connection to Temporal, and a worker on its task queue that is replaced whenever it fails.
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
import { MAX_CONCURRENT_CALLS } from '#platform/saga/attempt.ts'
import type { TemporalEndpoint } from '#platform/saga/temporal/url.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type TemporalWorker = AsyncDisposable & { health(): Promise<Health> }
export type WorkerLogger = Pick<Logger, 'warn' | 'error'>

const ATTEMPT_MS = 5_000
const HEALTH_MS = 1_500
const RESTART_MS = 1_000
/** Workflows cached by one worker; the histories of others are read again. */
const MAX_CACHED = 2_000
const GRPC = { notFound: 5, denied: 7, unauthenticated: 16 }
const WORKFLOWS = fileURLToPath(new URL('./workflow.ts', import.meta.url))

/**
 * Resolves once Temporal answers for the namespace. Throws OperatorError WORKFLOWS_UNREACHABLE when it has not after
 * `startTimeoutMs`, and WORKFLOWS_REFUSED at once when it does not take the key or certificate.
 */
export async function connectToTemporal(
  endpoint: TemporalEndpoint,
  startTimeoutMs: number,
  logger: WorkerLogger,
): Promise<NativeConnection> {
  installRuntime(logger)
  const what = `Temporal at ${endpoint.address}, which WORKFLOW_URL names`
  try {
    return await waitForDependency(() => attempt(endpoint), {
      logger,
      what,
      startTimeoutMs,
      isFinal: isRefusal,
    })
  } catch (cause) {
    const reason = reasonOf(endpoint, cause)
    throw isRefusal(cause)
      ? new OperatorError('WORKFLOWS_REFUSED', `${what}, does not take what that shows: ${reason}`, cause)
      : new OperatorError(
          'WORKFLOWS_UNREACHABLE',
          `${what}, could not be used within ${startTimeoutMs / 1000} seconds: ${reason}`,
          cause,
        )
  }
}

/** The first call of a connection fails without a gRPC status, so its text is matched. */
const REFUSAL = /does not have (valid authentication credentials|permission)/

function isRefusal(error: unknown): boolean {
  const code = codeOf(error)
  if (code === undefined) return error instanceof Error && REFUSAL.test(error.message)
  return code === GRPC.denied || code === GRPC.unauthenticated
}

function reasonOf({ namespace }: TemporalEndpoint, cause: unknown): string {
  if (codeOf(cause) === GRPC.notFound) return `it has no namespace "${namespace}"`
  return cause instanceof Error ? cause.message : String(cause)
}

async function attempt({ address, apiKey, tls, namespace }: TemporalEndpoint): Promise<NativeConnection> {
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

/** Rejects after `ms`; `drop` receives a result that comes later. */
async function within<T>(ms: number, work: Promise<T>, drop: (late: T) => void): Promise<T> {
  const over = new AbortController()
  const timeout = delay(ms, undefined, { signal: over.signal }).then(() => {
    void work.then(drop, () => {})
    throw new Error(`no answer in ${ms} ms`)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    timeout.catch(() => {}) // its rejection has lost the race
    over.abort()
  }
}

/** Returns the gRPC status of an error, or of its cause. */
export function codeOf(error: unknown): number | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (isGrpcServiceError(cause)) return cause.code
  return undefined
}

/** Sends Temporal's log lines to our logger, and leaves signals to the process that stops the service. Once in a process. */
function installRuntime(logger: WorkerLogger): void {
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

/** Returns the workflow's code for its sandbox, bundled once in a process, which takes a second or two. */
function bundle(): Promise<WorkflowBundleWithSourceMap> {
  bundled ??= bundleWorkflowCode({ workflowsPath: WORKFLOWS, logger: new DefaultLogger('WARN', () => {}) })
  return bundled
}

type WorkerOptions = {
  readonly connection: NativeConnection
  readonly namespace: string
  readonly taskQueue: string
  readonly activities: object
  readonly logger: WorkerLogger
}

/** Works on the queue until disposed; a worker that fails is replaced. Disposing waits for calls under way. */
export async function startWorker(options: WorkerOptions): Promise<TemporalWorker> {
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
        logger.warn({ err: error, taskQueue }, `Temporal worker failed, starting another in ${RESTART_MS} ms`)
        await wakeSignal.wait(RESTART_MS)
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

async function createWorker({ connection, namespace, taskQueue, activities }: WorkerOptions) {
  return Worker.create({
    connection,
    namespace,
    taskQueue,
    activities,
    workflowBundle: await bundle(),
    maxConcurrentActivityTaskExecutions: MAX_CONCURRENT_CALLS,
    maxCachedWorkflows: MAX_CACHED,
    // The worker waits for calls under way and cancels none.
    shutdownGraceTime: '1 hour',
    stickyQueueScheduleToStartTimeout: '5s',
  })
}
