// One try at a saga's call, and what its end means: the same for every runner. Free of retries and storage.
import { CallerError } from '#platform/domain/errors.ts'
import type { EventMeta, NewEvent } from '#platform/event-store/event-store.ts'
import type { AskedCall } from '#platform/saga/history.ts'
import type { Call, StepAnswer } from '#platform/saga/saga.ts'
import { counter, gauge } from '#platform/telemetry/metrics.ts'
import { inSpan, traceparent } from '#platform/telemetry/tracing.ts'

export type SagaPolicy = {
  /** How long a bounded step is tried, however often, before it has failed; 5 minutes when left out. */
  readonly boundedForMs?: number
  /** How long an endless step fails until it counts as stuck; 30 seconds when left out. */
  readonly stuckAfterMs?: number
  /** Before the second try, at most; doubles with each (full jitter). 1.3 seconds when left out. */
  readonly firstDelayMs?: number
  /** Between tries, at most; 10 seconds when left out. */
  readonly lastDelayMs?: number
}

/** Calls under way at once, in one process. */
export const MAX_ACTIVE = 256

/** Caller's faults that no repetition mends. */
const PERMANENT = new Set(['BAD_USER_INPUT', 'CONFLICT', 'FORBIDDEN'])

export function limitsOf(policy: SagaPolicy = {}): Required<SagaPolicy> {
  return { boundedForMs: 300_000, stuckAfterMs: 30_000, firstDelayMs: 1_300, lastDelayMs: 10_000, ...policy }
}

/** The idempotency key of a call. */
export function keyOf(sagaId: string, step: string): string {
  return `${sagaId}:${step}`
}

/**
 * Makes the call within a span that goes on from what asked for it. `meta` is for the event of the answer, which goes
 * on from that span. Throws what `perform` throws: the answer is then unknown.
 */
export async function attemptCall(
  { saga, perform }: { readonly saga: string; readonly perform: (call: Call) => Promise<StepAnswer> },
  sagaId: string,
  { call: { step, command, input }, meta }: AskedCall,
): Promise<{ readonly answer: StepAnswer; readonly meta: EventMeta }> {
  const settings = { parent: meta.traceparent, attributes: { 'waybill.saga': sagaId, 'waybill.step': step } }
  return inSpan(`${saga} ${command}`, settings, async () => {
    const trace = traceparent()
    const traced = trace === undefined ? meta : { ...meta, traceparent: trace }
    const answer = await perform({ sagaId, step, command, input, key: keyOf(sagaId, step), meta: traced })
    return { answer, meta: traced }
  })
}

/** The event that says how a call was answered. */
export function answerEvent(step: string, answer: StepAnswer, now: Date): NewEvent {
  const at = now.toISOString()
  if (answer.status === 'succeeded')
    return { type: 'StepSucceeded', data: { step, result: answer.result, at } }
  const { code, message, details = {} } = answer
  return { type: 'StepRefused', data: { step, code, message, details, at } }
}

/**
 * Whether a step that has failed for `elapsedMs` has used up its time. Tries are not counted: those that an open
 * circuit turns away cost nothing, and an outage is as long as it is.
 */
export function isSpent(
  { patience }: Pick<AskedCall['call'], 'patience'>,
  policy: Required<SagaPolicy>,
  elapsedMs: number,
  error: unknown,
): boolean {
  return (
    isPermanent(error) || elapsedMs >= (patience === 'bounded' ? policy.boundedForMs : policy.stuckAfterMs)
  )
}

/** Whether trying again is of no use. */
function isPermanent(error: unknown): boolean {
  return error instanceof CallerError && PERMANENT.has(error.code)
}

/** What an operator needs to know of a failed try; bounded, since it is stored. */
export function describeFailure(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text.slice(0, 500)
}

export function countTry(saga: string, { call }: AskedCall, outcome: string): void {
  counter('waybill_saga_steps_total', 'Tries of saga steps by what became of them', [
    'saga',
    'command',
    'outcome',
  ]).inc({ saga, command: call.command, outcome })
}

/** Tells operators how many calls this process has under way. */
export function tellInFlight(saga: string, calls: number): void {
  gauge('waybill_saga_calls_in_flight', 'Saga calls under way', ['saga']).set({ saga }, calls)
}
