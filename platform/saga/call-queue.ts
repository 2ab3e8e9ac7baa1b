// Makes the calls that sagas ask for: side by side, retried until answered, their answers recorded. Free of storage.

import type { EventMeta, NewEvent } from '#platform/event-store/event-store.ts'
import { fullJitter } from '#platform/resilience/backoff.ts'
import {
  answerEvent,
  attemptCall,
  countTry,
  describeFailure,
  isSpent,
  keyOf,
  limitsOf,
  MAX_ACTIVE,
  type SagaPolicy,
  tellInFlight,
} from '#platform/saga/attempt.ts'
import type { AskedCall } from '#platform/saga/history.ts'
import type { Call, StepAnswer } from '#platform/saga/saga.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type CallsOptions = {
  readonly saga: string
  readonly perform: (call: Call) => Promise<StepAnswer>
  readonly record: (sagaId: string, commandId: string, event: NewEvent, meta: EventMeta) => Promise<void>
  readonly policy: SagaPolicy | undefined
  readonly logger: Pick<Logger, 'warn' | 'debug'> | undefined
  readonly now: () => Date
}

export type Calls = {
  /** Makes the call in its time; one that is under way already is left alone. */
  start(sagaId: string, asked: AskedCall): void
  has(sagaId: string, step: string): boolean
  /** Resolves when few calls wait for their turn: what keeps the backlog bounded. */
  room(): Promise<void>
  /** Starts nothing more. Calls under way may end, and their answers are recorded. Resolves when they have. */
  stop(): Promise<void>
}

type Job = {
  readonly key: string
  readonly sagaId: string
  readonly asked: AskedCall
  readonly firstAt: number
  attempts: number
  toldStuck: boolean
  retry?: NodeJS.Timeout
}

/** Calls that wait for their turn before the consumer waits too. */
const MAX_READY = 1_024
/** Failed calls that wait for another try; those beyond are forgotten here, and taken up again from their status. */
const MAX_RETRYING = 10_000

export function createCalls(options: CallsOptions): Calls {
  const { saga, now, logger } = options
  const limits = limitsOf(options.policy)
  const jobs = new Map<string, Job>()
  const ready = new Set<Job>()
  const active = new Set<Promise<void>>()
  let waiters: (() => void)[] = []
  let stopped = false

  function pump(): void {
    for (const job of ready) {
      if (active.size >= MAX_ACTIVE || stopped) break
      ready.delete(job)
      const running = attempt(job).finally(() => {
        active.delete(running)
        tellInFlight(saga, active.size)
        pump()
      })
      active.add(running)
    }
    tellInFlight(saga, active.size)
    if (ready.size < MAX_READY || stopped) {
      for (const wake of waiters) wake()
      waiters = []
    }
  }

  /** Never rejects: what fails is tried again. */
  async function attempt(job: Job): Promise<void> {
    try {
      const { answer, meta } = await attemptCall(options, job.sagaId, job.asked)
      await recordAnswer(job, answerEvent(job.asked.call.step, answer, now()), meta)
      countTry(saga, job.asked, answer.status)
    } catch (error) {
      await fail(job, error)
    }
  }

  async function recordAnswer(job: Job, event: NewEvent, meta: EventMeta): Promise<void> {
    await options.record(job.sagaId, `${job.key}:answer`, event, meta)
    jobs.delete(job.key)
  }

  async function fail(job: Job, error: unknown): Promise<void> {
    job.attempts += 1
    const isOver = isSpent(job.asked.call, limits, now().getTime() - job.firstAt, error)
    const { step, patience } = job.asked.call
    const failure = { step, error: describeFailure(error), at: now().toISOString() }
    try {
      if (isOver && patience === 'bounded') {
        await recordAnswer(job, { type: 'StepFailed', data: failure }, job.asked.meta)
        return countTry(saga, job.asked, 'failed')
      }
      if (isOver && !job.toldStuck) {
        const event = { type: 'StepStuck', data: failure }
        await options.record(job.sagaId, `${job.key}:stuck`, event, job.asked.meta)
        job.toldStuck = true
        logger?.warn(
          { err: error, saga, sagaId: job.sagaId, step },
          'a saga step is stuck and goes on trying',
        )
      }
    } catch (cause) {
      logger?.warn({ err: cause, saga, sagaId: job.sagaId, step }, 'what became of a step was not recorded')
    }
    countTry(saga, job.asked, 'unknown')
    retryLater(job)
  }

  function retryLater(job: Job): void {
    if (stopped || jobs.size - ready.size - active.size >= MAX_RETRYING) {
      jobs.delete(job.key)
      return
    }
    job.retry = setTimeout(
      () => {
        ready.add(job)
        pump()
      },
      fullJitter(job.attempts - 1, limits.firstDelayMs, limits.lastDelayMs),
    )
  }

  return {
    start(sagaId, asked) {
      const key = keyOf(sagaId, asked.call.step)
      if (stopped || jobs.has(key)) return
      const job: Job = { key, sagaId, asked, firstAt: now().getTime(), attempts: 0, toldStuck: false }
      jobs.set(key, job)
      ready.add(job)
      pump()
    },
    has: (sagaId, step) => jobs.has(keyOf(sagaId, step)),
    room: () =>
      ready.size < MAX_READY || stopped
        ? Promise.resolve()
        : new Promise(resolve => {
            waiters.push(resolve)
          }),
    async stop() {
      stopped = true
      for (const { retry } of jobs.values()) clearTimeout(retry)
      ready.clear()
      pump()
      await Promise.all(active)
    },
  }
}
