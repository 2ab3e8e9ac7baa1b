// Temporal's activities: a saga's calls, with the tries and delays of the event-store runner's policy, and what of a
// definition's own faults Temporal is to know.
import { AsyncLocalStorage } from 'node:async_hooks'
import { ApplicationFailure, activityInfo, heartbeat } from '@temporalio/activity'
import { fullJitter } from '#platform/resilience/backoff.ts'
import { isOutage } from '#platform/resilience/outage.ts'
import {
  answerEvent,
  attemptCall,
  countTry,
  describeFailure,
  isSpent,
  keyOf,
  limitsOf,
  type SagaPolicy,
  tellInFlight,
} from '#platform/saga/attempt.ts'
import type { Call, StepAnswer } from '#platform/saga/saga.ts'
import type { Activities, Arrival, StepOutcome, StepRequest } from '#platform/saga/temporal/messages.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type StepOptions = {
  readonly perform: (call: Call) => Promise<StepAnswer>
  readonly policy: SagaPolicy | undefined
  readonly logger: Pick<Logger, 'warn'> | undefined
  readonly now: () => Date
}

/** So that another worker takes the step when this process is gone: the workflow says after how long without one. */
const HEARTBEAT_MS = 2_000

export function createActivities(options: StepOptions): Pick<Activities, 'performStep'> {
  // Temporal calls from a context of its own: spans belong to the service that opened the runner.
  const within = AsyncLocalStorage.snapshot()
  let underWay = 0
  return {
    async performStep(request) {
      const beating = setInterval(heartbeat, HEARTBEAT_MS)
      tellInFlight(request.saga, ++underWay)
      try {
        return await attempt({ ...options, within }, request)
      } finally {
        tellInFlight(request.saga, --underWay)
        clearInterval(beating)
      }
    },
  }
}

async function attempt(
  options: StepOptions & { readonly within: <T>(work: () => T) => T },
  request: StepRequest,
): Promise<StepOutcome> {
  const { saga, sagaId, call } = request
  try {
    const { answer, meta } = await options.within(() => attemptCall({ ...options, saga }, sagaId, request))
    countTry(saga, request, answer.status)
    const { type, data } = answerEvent(call.step, answer, options.now())
    return { kind: 'event', arrival: { ...arrivalOf(request, 'answer'), type, data, meta } }
  } catch (error) {
    return whatBecomes(options, request, error)
  }
}

/** Failed, stuck, or (thrown) to be tried again. */
function whatBecomes(options: StepOptions, request: StepRequest, error: unknown): StepOutcome {
  const { saga, sagaId, call, meta } = request
  const limits = limitsOf(options.policy)
  const info = activityInfo()
  const tries = request.tries + info.attempt
  const now = options.now()
  const isOver = isSpent(call, limits, now.getTime() - info.scheduledTimestampMs, error)
  const data = { step: call.step, error: describeFailure(error), at: now.toISOString() }
  if (isOver && call.patience === 'bounded') {
    countTry(saga, request, 'failed')
    return { kind: 'event', arrival: { ...arrivalOf(request, 'answer'), type: 'StepFailed', data, meta } }
  }
  countTry(saga, request, 'unknown')
  const delay = Math.max(1, Math.round(fullJitter(tries - 1, limits.firstDelayMs, limits.lastDelayMs)))
  if (isOver && !request.isStuck) {
    const detail = { err: error, saga, sagaId, step: call.step }
    options.logger?.warn(detail, 'a saga step is stuck and goes on trying')
    const arrival = { ...arrivalOf(request, 'stuck'), type: 'StepStuck', data, meta }
    return { kind: 'stuck', arrival, afterMs: delay, tries }
  }
  throw ApplicationFailure.create({ message: describeFailure(error), nextRetryDelay: delay })
}

function arrivalOf({ sagaId, call }: StepRequest, what: string): Pick<Arrival, 'commandId' | 'schema'> {
  return { commandId: `${keyOf(sagaId, call.step)}:${what}`, schema: 1 }
}

/**
 * `work`, for the workflow to ask. What fails while an engine is away is tried again; a definition that throws, or an
 * event of a newer build, is not: another process may have the build that can.
 */
export function failFinally<Asked, Answer>(work: (asked: Asked) => Promise<Answer>) {
  return async (asked: Asked): Promise<Answer> => {
    try {
      return await work(asked)
    } catch (error) {
      if (isOutage(error)) throw error
      throw ApplicationFailure.create({ message: describeFailure(error), nonRetryable: true })
    }
  }
}
