// Spans of work that is done on a batch of events: one for each cause, since a batch goes on from many traces.
import { isTracing, openSpan } from '#platform/telemetry/tracing.ts'

type Caused = { readonly meta: { readonly traceparent?: string } }

/**
 * Runs `work` within a span for each distinct traceparent of `events`; none of them is the active one. All are failed
 * when `work` throws. Only calls `work` while tracing is off.
 */
export async function inEventSpans<T>(
  name: string,
  events: readonly Caused[],
  work: () => Promise<T>,
): Promise<T> {
  if (!isTracing()) return work()
  const parents = new Set(events.flatMap(({ meta }) => meta.traceparent ?? []))
  const spans = [...parents].flatMap(parent => openSpan(name, { parent, kind: 'consumer' }) ?? [])
  try {
    const result = await work()
    for (const span of spans) span.end()
    return result
  } catch (error) {
    for (const span of spans) span.end({ error })
    throw error
  }
}
