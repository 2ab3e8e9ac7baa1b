// Observes operations: a span for each, and metrics by name, kind and outcome.
import { createOperationCounter } from '#platform/graphql/operation-counter.ts'
import type { Observe } from '#platform/telemetry/durations.ts'
import { deferredGauge, durationHistogram, gauge } from '#platform/telemetry/metrics.ts'
import { type OpenSpan, openSpan } from '#platform/telemetry/tracing.ts'

/** A response, as far as metrics and spans describe it. */
type ObservedResponse = {
  readonly text: string
  readonly name: string | undefined
  readonly kind: string | undefined
  readonly outcome: 'ok' | 'errors' | 'refused'
}

type Ended = Omit<ObservedResponse, 'text'>

export type OperationObserver = {
  /** Runs one operation in a span of its own, which continues the trace of `parent` where that is given. */
  run<Observed extends ObservedResponse>(
    work: () => Promise<Observed>,
    parent: string | undefined,
  ): Promise<Observed>
}

/** Clients choose the names: beyond so many, the rest are counted as `other`. */
const MAX_NAMES = 200

export function observeOperations(service: string): OperationObserver {
  const count = createOperationCounter(service)
  const time = createTimer()
  const inFlight = deferredGauge(
    gauge('waybill_gateway_operations_in_flight', 'Operations that are being answered'),
    {},
  )

  async function watched<Observed extends ObservedResponse>(
    work: () => Promise<Observed>,
  ): Promise<Observed> {
    const began = performance.now()
    inFlight(1)
    try {
      const answered = await work()
      const { name, kind, outcome } = answered
      count({ name, kind, outcome: outcome === 'ok' ? 'ok' : 'error' })
      time(answered, (performance.now() - began) / 1000)
      return answered
    } finally {
      inFlight(-1)
    }
  }

  return {
    run(work, parent) {
      const span = openSpan('graphql.operation', { parent })
      return span === undefined ? watched(work) : inOperationSpan(span, () => watched(work))
    },
  }
}

function createTimer(): (ended: Ended, seconds: number) => void {
  const all = durationHistogram<'operation' | 'kind' | 'outcome'>(
    'waybill_gateway_operation_seconds',
    'Operations of the gateway by name, kind and outcome',
  )
  const names = new Set<string>()
  const known = new Map<string, Observe>()
  const labelOf = ({ name, kind }: Ended): string => {
    if (kind === undefined) return 'invalid'
    if (name === undefined) return 'anonymous'
    if (names.size < MAX_NAMES) names.add(name)
    return names.has(name) ? name : 'other'
  }
  return (ended, seconds) => {
    const operation = labelOf(ended)
    const { kind = 'none', outcome } = ended
    const key = `${kind} ${outcome} ${operation}`
    const found = known.get(key) ?? all.of({ operation, kind, outcome })
    known.set(key, found)
    found(seconds)
  }
}

/** Renames the span to `query Orders` once the operation's kind and name are known. */
async function inOperationSpan<Observed extends ObservedResponse>(
  span: OpenSpan,
  work: () => Promise<Observed>,
): Promise<Observed> {
  try {
    const answered = await span.run(work)
    const { name, kind, outcome, text } = answered
    span.end({
      ...(kind && { name: name === undefined ? kind : `${kind} ${name}` }),
      attributes: {
        ...(kind && { 'graphql.operation.type': kind }),
        ...(name !== undefined && { 'graphql.operation.name': name }),
        'waybill.outcome': outcome,
        'waybill.answer_characters': text.length,
      },
      ...(outcome === 'errors' && { error: 'answered with errors' }),
    })
    return answered
  } catch (error) {
    span.end({ error })
    throw error
  }
}
