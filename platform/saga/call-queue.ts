// Makes the calls that sagas ask for: many at once, each retried until it has a response, which is then recorded.
import { fullJitter } from '#platform/resilience/backoff.ts'
import {
  attemptCall,
  countAttempt,
  failureEvent,
  idempotencyKey,
  MAX_CONCURRENT_CALLS,
  policyWithDefaults,
  reportInFlight,
  responseEvent,
  type SagaPolicy,
} from '#platform/saga/attempt.ts'
import type { SagaDependencies } from '#platform/saga/dependencies.ts'
import type { PendingCall } from '#platform/saga/history.ts'
import type { Journal, JournalEntry } from '#platform/saga/journal.ts'

type CallQueueOptions = Pick<SagaDependencies<unknown>, 'saga' | 'perform' | 'policy' | 'logger' | 'now'> & {
  readonly record: Journal<unknown>['record']
}

export type CallQueue = {
  /** Makes the call when it is its turn; does nothing for one that is queued or under way. */
  enqueue(sagaId: string, pending: PendingCall): void
  has(sagaId: string, step: string): boolean
  /** Resolves when fewer than 1024 calls wait for their turn, which bounds the queue. */
  whenRoom(): Promise<void>
  /** Starts no more calls. Resolves when those under way have ended and their responses are recorded. */
  stop(): Promise<void>
}

type Job = {
  readonly key: string
  readonly sagaId: string
  readonly pending: PendingCall
  readonly firstAt: number
  attempts: number
  isReportedStuck: boolean
  retry?: NodeJS.Timeout
}

/** The state of one queue. `jobs` holds those that are ready, active, or waiting for a retry. */
type Self = CallQueueOptions & {
  readonly limits: Required<SagaPolicy>
  readonly jobs: Map<string, Job>
  readonly ready: Set<Job>
  readonly active: Set<Promise<void>>
  waiters: (() => void)[]
  isStopped: boolean
}

/** Calls that wait for their turn before the consumer waits too. */
const MAX_READY = 1_024
/** Failed calls that wait for a retry. Those beyond are dropped, and recovery finds them by their status. */
const MAX_RETRYING = 10_000

export function createCallQueue(options: CallQueueOptions): CallQueue {
  const self: Self = {
    ...options,
    limits: policyWithDefaults(options.policy),
    jobs: new Map(),
    ready: new Set(),
    active: new Set(),
    waiters: [],
    isStopped: false,
  }
  return {
    enqueue: (sagaId, pending) => enqueue(self, sagaId, pending),
    has: (sagaId, step) => self.jobs.has(idempotencyKey(sagaId, step)),
    whenRoom: () =>
      hasRoom(self) ? Promise.resolve() : new Promise(resolve => void self.waiters.push(resolve)),
    async stop() {
      self.isStopped = true
      for (const { retry } of self.jobs.values()) clearTimeout(retry)
      self.ready.clear()
      startReady(self)
      await Promise.all(self.active)
    },
  }
}

function enqueue(self: Self, sagaId: string, pending: PendingCall): void {
  const key = idempotencyKey(sagaId, pending.call.step)
  if (self.isStopped || self.jobs.has(key)) return
  const firstAt = self.now().getTime()
  const job: Job = { key, sagaId, pending, firstAt, attempts: 0, isReportedStuck: false }
  self.jobs.set(key, job)
  self.ready.add(job)
  startReady(self)
}

function startReady(self: Self): void {
  const { saga, ready, active } = self
  for (const job of ready) {
    if (active.size >= MAX_CONCURRENT_CALLS || self.isStopped) break
    ready.delete(job)
    const running = attempt(self, job).finally(() => {
      active.delete(running)
      startReady(self)
    })
    active.add(running)
  }
  reportInFlight(saga, active.size)
  if (!hasRoom(self)) return
  for (const wake of self.waiters) wake()
  self.waiters = []
}

function hasRoom({ ready, isStopped }: Self): boolean {
  return ready.size < MAX_READY || isStopped
}

/** Never rejects: a failure is retried. */
async function attempt(self: Self, job: Job): Promise<void> {
  const { pending, sagaId } = job
  try {
    const { response, meta } = await attemptCall(self, sagaId, pending)
    await recordResponse(self, job, { ...responseEvent(pending.call.step, response, self.now()), meta })
    countAttempt(self.saga, pending, response.status)
  } catch (error) {
    await handleFailure(self, job, error)
  }
}

async function recordResponse(self: Self, { key, sagaId }: Job, entry: JournalEntry): Promise<void> {
  await self.record(sagaId, entry)
  self.jobs.delete(key)
}

async function handleFailure(self: Self, job: Job, error: unknown): Promise<void> {
  const { saga, limits, logger, now } = self
  const { call, meta } = job.pending
  job.attempts += 1
  const event = failureEvent(call, limits, { error, since: job.firstAt, now: now() })
  try {
    if (event?.type === 'StepFailed') {
      await recordResponse(self, job, { ...event, meta })
      return countAttempt(saga, job.pending, 'failed')
    }
    if (event && !job.isReportedStuck) await reportStuck(self, job, { error, entry: { ...event, meta } })
  } catch (cause) {
    const { sagaId } = job
    logger?.warn(
      { err: cause, saga, sagaId, step: call.step },
      'the outcome of a saga step was not recorded, retrying',
    )
  }
  countAttempt(saga, job.pending, 'unknown')
  retryLater(self, job)
}

async function reportStuck(
  { record, logger, saga }: Self,
  job: Job,
  { error, entry }: { readonly error: unknown; readonly entry: JournalEntry },
): Promise<void> {
  const { sagaId, pending } = job
  await record(sagaId, entry)
  job.isReportedStuck = true
  logger?.warn(
    { err: error, saga, sagaId, step: pending.call.step },
    'a saga step is stuck, retrying until it succeeds',
  )
}

function retryLater(self: Self, job: Job): void {
  const { jobs, ready, active, limits } = self
  if (self.isStopped || jobs.size - ready.size - active.size >= MAX_RETRYING) {
    jobs.delete(job.key)
    return
  }
  const retry = () => {
    ready.add(job)
    startReady(self)
  }
  job.retry = setTimeout(retry, fullJitter(job.attempts - 1, limits.firstDelayMs, limits.lastDelayMs))
}
