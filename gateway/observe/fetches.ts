// Observes requests to one subgraph: a span for each, and metrics of their number, duration and size.
import { CallerError } from '#platform/domain/errors.ts'
import type { Observe } from '#platform/telemetry/durations.ts'
import {
  counter,
  deferredCounter,
  deferredGauge,
  durationHistogram,
  gauge,
} from '#platform/telemetry/metrics.ts'
import { isTracing, type OpenSpan, openSpan } from '#platform/telemetry/tracing.ts'

type ObservedRequest = { readonly kind: string; readonly operation: string; readonly body: string }
type ObservedResponse = { readonly text: string; readonly status: number }

export type FetchObserver = {
  /** Runs a request with its retries in one span. */
  run<Answer extends ObservedResponse>(request: ObservedRequest, send: () => Promise<Answer>): Promise<Answer>
  /** Counts a query that waits for the response to an equal one. */
  deduplicated(): void
  /** Counts a response that has errors. */
  hadErrors(): void
}

type Outcome = 'ok' | 'timed_out' | 'circuit_open' | 'overloaded' | 'failed'
const REASONS = new Map<unknown, Outcome>([
  ['TIMED_OUT', 'timed_out'],
  ['CIRCUIT_OPEN', 'circuit_open'],
  ['OVERLOADED', 'overloaded'],
])

const observers = new Map<string, FetchObserver>()

/** Returns the same observer for the same subgraph, across reloads. */
export function observeFetches(subgraph: string): FetchObserver {
  const known = observers.get(subgraph) ?? createObserver(subgraph)
  observers.set(subgraph, known)
  return known
}

function createObserver(subgraph: string): FetchObserver {
  const metrics = createMetrics(subgraph)

  async function counted<Answer extends ObservedResponse>(send: () => Promise<Answer>): Promise<Answer> {
    const began = performance.now()
    metrics.inFlight(1)
    let outcome: Outcome = 'ok'
    try {
      const answer = await send()
      metrics.received(answer.text.length)
      return answer
    } catch (error) {
      outcome = outcomeOf(error)
      throw error
    } finally {
      metrics.inFlight(-1)
      metrics.time(outcome)((performance.now() - began) / 1000)
    }
  }

  return {
    run(request, send) {
      const span = openFetchSpan(subgraph, request)
      return span === undefined ? counted(send) : inFetchSpan(span, () => counted(send))
    },
    deduplicated: metrics.shared,
    hadErrors: metrics.erred,
  }
}

function outcomeOf(error: unknown): Outcome {
  const reason = error instanceof CallerError ? error.details.reason : undefined
  return REASONS.get(reason) ?? 'failed'
}

function createMetrics(subgraph: string) {
  const requests = durationHistogram<'subgraph' | 'outcome'>(
    'waybill_gateway_subgraph_request_seconds',
    'Requests to subgraphs, with their repeats, by outcome',
  )
  const received = counter('waybill_gateway_subgraph_received_characters_total', 'Size of their answers', [
    'subgraph',
  ])
  const shared = counter('waybill_gateway_subgraph_shared_total', 'Queries that an equal one answered', [
    'subgraph',
  ])
  const erred = counter('waybill_gateway_subgraph_errors_total', 'Answers of subgraphs that have errors', [
    'subgraph',
  ])
  const inFlight = gauge('waybill_gateway_subgraph_requests_in_flight', 'Requests to subgraphs under way', [
    'subgraph',
  ])
  const times = new Map<Outcome, Observe>()
  return {
    inFlight: deferredGauge(inFlight, { subgraph }),
    shared: deferredCounter(shared, { subgraph }),
    erred: deferredCounter(erred, { subgraph }),
    received: (characters: number) => received.inc({ subgraph }, characters),
    time(outcome: Outcome): Observe {
      const known = times.get(outcome) ?? requests.of({ subgraph, outcome })
      times.set(outcome, known)
      return known
    },
  }
}

/** Matches `query Name`, with which fetches of named operations begin. */
const NAMED = /^\w+ (\w+)/

function openFetchSpan(subgraph: string, { kind, operation, body }: ObservedRequest): OpenSpan | undefined {
  if (!isTracing()) return undefined
  const [, name] = NAMED.exec(operation) ?? []
  return openSpan(`subgraph ${subgraph}`, {
    kind: 'client',
    attributes: {
      'waybill.subgraph': subgraph,
      'graphql.operation.type': kind,
      ...(name !== undefined && { 'graphql.operation.name': name }),
      'waybill.request_characters': body.length,
    },
  })
}

async function inFetchSpan<Answer extends ObservedResponse>(
  span: OpenSpan,
  send: () => Promise<Answer>,
): Promise<Answer> {
  try {
    const answer = await span.run(send)
    span.end({
      attributes: {
        'http.response.status_code': answer.status,
        'waybill.answer_characters': answer.text.length,
      },
    })
    return answer
  } catch (error) {
    span.end({ error, attributes: { 'waybill.outcome': outcomeOf(error) } })
    throw error
  }
}
