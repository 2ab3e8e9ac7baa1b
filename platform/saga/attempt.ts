// One attempt at a saga's call, what its outcome means, and how long it is repeated: the same for every runner.
import { CallerError } from '#platform/domain/errors.ts'
import type { EventMeta, NewEvent } from '#platform/event-store/event-store.ts'
import type { PendingCall } from '#platform/saga/history.ts'
import type { Call, StepResponse } from '#platform/saga/saga.ts'
import { counter, gauge } from '#platform/telemetry/metrics.ts'
import { inSpan, traceparent } from '#platform/telemetry/tracing.ts'

export type SagaPolicy = {
  /** How long a bounded step is retried before it has failed; 5 minutes by default. */
  readonly boundedForMs?: number
  /** How long an endless step fails before it counts as stuck; 30 seconds by default. */
  readonly stuckAfterMs?: number
  /** The longest delay before the second attempt, which doubles with each (full jitter); 1.3 seconds by default. */
  readonly firstDelayMs?: number
  /** The longest delay between attempts; 10 seconds by default. */
  readonly lastDelayMs?: number
}

/** Calls under way at once in one process. */
export const MAX_CONCURRENT_CALLS = 256

/** Codes of errors that a retry cannot mend. */
const PERMANENT = new Set(['BAD_USER_INPUT', 'CONFLICT', 'FORBIDDEN'])

export function policyWithDefaults(policy: SagaPolicy = {}): Required<SagaPolicy> {
  return { boundedForMs: 300_000, stuckAfterMs: 30_000, firstDelayMs: 1_300, lastDelayMs: 10_000, ...policy }
}

export function idempotencyKey(sagaId: string, step: string): string {
  return `${sagaId}:${step}`
}

/**
 * Makes the call within a span whose parent is the event that asked for it. Returns the response and the meta for its event,
 * which continues that span. Throws what `perform` throws: the outcome is then unknown.
 */
export async function attemptCall(
  { saga, perform }: { readonly saga: string; readonly perform: (call: Call) => Promise<StepResponse> },
  sagaId: string,
  { call: { step, command, input }, meta }: PendingCall,
): Promise<{ readonly response: StepResponse; readonly meta: EventMeta }> {
  const settings = { parent: meta.traceparent, attributes: { 'waybill.saga': sagaId, 'waybill.step': step } }
  return inSpan(`${saga} ${command}`, settings, async () => {
    const trace = traceparent()
    const traced = trace === undefined ? meta : { ...meta, traceparent: trace }
    const key = idempotencyKey(sagaId, step)
    const response = await perform({ sagaId, step, command, input, key, meta: traced })
    return { response, meta: traced }
  })
}

/** Returns the event that records the response of a call. */
export function responseEvent(step: string, response: StepResponse, now: Date): NewEvent {
  const at = now.toISOString()
  if (response.status === 'succeeded')
    return { type: 'StepSucceeded', data: { step, result: response.result, at } }
  const { code, message, details = {} } = response
  return { type: 'StepRefused', data: { step, code, message, details, at } }
}

/**
 * Returns what is recorded of a step that has failed since `since` (in ms) once its time is used up, undefined until then.
 * Attempts are not counted: those that an open circuit refuses cost nothing, and an outage may take any number of them.
 */
export function failureEvent(
  { step, patience }: PendingCall['call'],
  policy: Required<SagaPolicy>,
  { error, since, now }: { readonly error: unknown; readonly since: number; readonly now: Date },
): NewEvent | undefined {
  const isPermanent = error instanceof CallerError && PERMANENT.has(error.code)
  const limitMs = patience === 'bounded' ? policy.boundedForMs : policy.stuckAfterMs
  if (!isPermanent && now.getTime() - since < limitMs) return undefined
  const data = { step, error: describeFailure(error), at: now.toISOString() }
  return { type: patience === 'bounded' ? 'StepFailed' : 'StepStuck', data }
}

/** Returns what an operator needs to know about a failed attempt, up to 500 characters, since it is stored. */
export function describeFailure(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text.slice(0, 500)
}

export function countAttempt(saga: string, { call }: PendingCall, outcome: string): void {
  counter('waybill_saga_steps_total', 'Tries of saga steps by what became of them', [
    'saga',
    'command',
    'outcome',
  ]).inc({ saga, command: call.command, outcome })
}

export function reportInFlight(saga: string, calls: number): void {
  gauge('waybill_saga_calls_in_flight', 'Saga calls under way', ['saga']).set({ saga }, calls)
}
