// The Temporal activity that makes a saga's calls, with the attempts and delays of the policy, and the mapping of errors to Temporal's.
import { AsyncLocalStorage } from 'node:async_hooks'
import { ApplicationFailure, activityInfo, heartbeat } from '@temporalio/activity'
import { fullJitter } from '#platform/resilience/backoff.ts'
import { isOutage } from '#platform/resilience/outage.ts'
import {
  attemptCall,
  countAttempt,
  describeFailure,
  failureEvent,
  idempotencyKey,
  policyWithDefaults,
  reportInFlight,
  responseEvent,
} from '#platform/saga/attempt.ts'
import type { SagaDependencies } from '#platform/saga/dependencies.ts'
import type { Activities, IncomingEvent, StepOutcome, StepRequest } from '#platform/saga/temporal/messages.ts'

type StepOptions = Pick<SagaDependencies<unknown>, 'perform' | 'policy' | 'logger'>

/** The workflow's `heartbeatTimeout` says after how long without one another worker takes over the step. */
const HEARTBEAT_MS = 2_000

export function createStepActivity(options: StepOptions): Pick<Activities, 'performStep'> {
  // Temporal calls from an async context of its own; spans belong to the service that opened the runner.
  const within = AsyncLocalStorage.snapshot()
  let underWay = 0
  return {
    async performStep(request) {
      const beating = setInterval(heartbeat, HEARTBEAT_MS)
      reportInFlight(request.saga, ++underWay)
      try {
        return await attempt({ ...options, within }, request)
      } finally {
        reportInFlight(request.saga, --underWay)
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
    const { response, meta } = await options.within(() => attemptCall({ ...options, saga }, sagaId, request))
    countAttempt(saga, request, response.status)
    const event = responseEvent(call.step, response, new Date())
    return { kind: 'event', arrival: { ...event, ...eventOf(request, 'answer'), meta } }
  } catch (error) {
    return failureOutcome(options, request, error)
  }
}

/** Returns that the step failed or is stuck; throws ApplicationFailure when Temporal is to retry it. */
function failureOutcome(options: StepOptions, request: StepRequest, error: unknown): StepOutcome {
  const { saga, sagaId, call, meta } = request
  const limits = policyWithDefaults(options.policy)
  const info = activityInfo()
  const tries = request.tries + info.attempt
  const event = failureEvent(call, limits, { error, since: info.scheduledTimestampMs, now: new Date() })
  if (event?.type === 'StepFailed') {
    countAttempt(saga, request, 'failed')
    return { kind: 'event', arrival: { ...event, ...eventOf(request, 'answer'), meta } }
  }
  countAttempt(saga, request, 'unknown')
  const delay = Math.max(1, Math.round(fullJitter(tries - 1, limits.firstDelayMs, limits.lastDelayMs)))
  if (event && !request.isStuck) {
    const detail = { err: error, saga, sagaId, step: call.step }
    options.logger?.warn(detail, 'a saga step is stuck, retrying until it succeeds')
    const arrival = { ...event, ...eventOf(request, 'stuck'), meta }
    return { kind: 'stuck', arrival, afterMs: delay, tries }
  }
  throw ApplicationFailure.create({ message: describeFailure(error), nextRetryDelay: delay })
}

function eventOf({ sagaId, call }: StepRequest, suffix: string): Pick<IncomingEvent, 'commandId' | 'schema'> {
  return { commandId: `${idempotencyKey(sagaId, call.step)}:${suffix}`, schema: 1 }
}

/**
 * Wraps an activity so that Temporal retries it only while an engine is unreachable. A definition that throws, or an event
 * of a newer build, fails the workflow task instead, so that a process with the right build can take it.
 */
export function withoutRetry<Input, Output>(activity: (input: Input) => Promise<Output>) {
  return async (input: Input): Promise<Output> => {
    try {
      return await activity(input)
    } catch (error) {
      if (isOutage(error)) throw error
      throw ApplicationFailure.create({ message: describeFailure(error), nonRetryable: true })
    }
  }
}
