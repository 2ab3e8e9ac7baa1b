// Makes the calls that sagas ask for: side by side, retried until answered, their answers recorded. Free of storage.
import { CallerError } from '#platform/domain/errors.ts'
import { fullJitter } from '#platform/event-store/bell.ts'
import type { EventMeta, NewEvent } from '#platform/event-store/event-store.ts'
import type { AskedCall } from '#platform/saga/history.ts'
import type { Call, StepAnswer } from '#platform/saga/saga.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { counter, gauge } from '#platform/telemetry/metrics.ts'
import { inSpan, traceparent } from '#platform/telemetry/tracing.ts'

export type SagaPolicy = {
  /** Tries of a bounded step, and tries of an endless one until it counts as stuck; 5 when left out. */
  readonly attempts?: number
  /** The same limit as a time since the first try; 30 seconds when left out. */
  readonly maxElapsedMs?: number
  /** Before the second try, at most; doubles with each (full jitter). 1.3 seconds when left out: 5 tries take 10 seconds. */
  readonly firstDelayMs?: number
  /** Between tries, at most; 30 seconds when left out. */
  readonly lastDelayMs?: number
}

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

/** Calls under way at once. */
const MAX_ACTIVE = 256
/** Calls that wait for their turn before the consumer waits too. */
const MAX_READY = 1_024
/** Failed calls that wait for another try; those beyond are forgotten here, and taken up again from their status. */
const MAX_RETRYING = 10_000
/** Caller's faults that no repetition mends. */
const PERMANENT = new Set(['BAD_USER_INPUT', 'CONFLICT', 'FORBIDDEN'])

const outcomes = () =>
  counter('waybill_saga_steps_total', 'Tries of saga steps by what became of them', [
    'saga',
    'command',
    'outcome',
  ])
const inFlight = () => gauge('waybill_saga_calls_in_flight', 'Saga calls under way', ['saga'])

export function createCalls(options: CallsOptions): Calls {
  const { saga, now, logger, policy = {} } = options
  const { attempts: limit = 5, maxElapsedMs = 30_000 } = policy
  const { firstDelayMs = 1_300, lastDelayMs = 30_000 } = policy
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
        inFlight().set({ saga }, active.size)
        pump()
      })
      active.add(running)
    }
    inFlight().set({ saga }, active.size)
    if (ready.size < MAX_READY || stopped) {
      for (const wake of waiters) wake()
      waiters = []
    }
  }

  /** Never rejects: what fails is tried again. */
  async function attempt(job: Job): Promise<void> {
    try {
      const { answer, trace } = await perform(options, job)
      await recordAnswer(job, eventOf(job.asked.call.step, answer, now()), trace)
      count(job, answer.status)
    } catch (error) {
      await fail(job, error)
    }
  }

  async function recordAnswer(job: Job, event: NewEvent, trace: string | undefined): Promise<void> {
    const { meta } = job.asked
    const traced = trace === undefined ? meta : { ...meta, traceparent: trace }
    await options.record(job.sagaId, `${job.key}:answer`, event, traced)
    jobs.delete(job.key)
  }

  async function fail(job: Job, error: unknown): Promise<void> {
    job.attempts = isPermanent(error) ? Math.max(job.attempts + 1, limit) : job.attempts + 1
    const isSpent = job.attempts >= limit || now().getTime() - job.firstAt >= maxElapsedMs
    const { step, patience } = job.asked.call
    const failure = { step, error: describe(error), at: now().toISOString() }
    try {
      if (isSpent && patience === 'bounded') {
        await recordAnswer(job, { type: 'StepFailed', data: failure }, undefined)
        return count(job, 'failed')
      }
      if (isSpent && !job.toldStuck) {
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
    count(job, 'unknown')
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
      fullJitter(job.attempts - 1, firstDelayMs, lastDelayMs),
    )
  }

  function count({ asked }: Job, outcome: string): void {
    outcomes().inc({ saga, command: asked.call.command, outcome })
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

/** Within a span that goes on from what asked for the call; `trace` is that span, for the answer to go on from. */
function perform(
  { saga, perform: make }: CallsOptions,
  { key, sagaId, asked: { call, meta } }: Job,
): Promise<{ answer: StepAnswer; trace: string | undefined }> {
  const { step, command, input } = call
  const settings = { parent: meta.traceparent, attributes: { 'waybill.saga': sagaId, 'waybill.step': step } }
  return inSpan(`${saga} ${command}`, settings, async () => {
    const trace = traceparent()
    const traced = trace === undefined ? meta : { ...meta, traceparent: trace }
    return { answer: await make({ sagaId, step, command, input, key, meta: traced }), trace }
  })
}

function eventOf(step: string, answer: StepAnswer, now: Date): NewEvent {
  const at = now.toISOString()
  if (answer.status === 'succeeded')
    return { type: 'StepSucceeded', data: { step, result: answer.result, at } }
  const { code, message, details = {} } = answer
  return { type: 'StepRefused', data: { step, code, message, details, at } }
}

/** The idempotency key of a call. */
function keyOf(sagaId: string, step: string): string {
  return `${sagaId}:${step}`
}

function isPermanent(error: unknown): boolean {
  return error instanceof CallerError && PERMANENT.has(error.code)
}

/** What an operator needs to know; bounded, since it is stored. */
function describe(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text.slice(0, 500)
}
