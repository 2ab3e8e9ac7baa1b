// Finds the trace that a stream began in, for work that arrives without one, such as a carrier's webhook.
import type { EventStore, StreamId } from '#platform/event-store/event-store.ts'
import { isTracing } from '#platform/telemetry/tracing.ts'

/** Returns the traceparent of the stream's first event, if any. It is read only while tracing is on. */
export async function findOriginTrace(
  store: Pick<EventStore, 'readStream'>,
  stream: StreamId,
): Promise<string | undefined> {
  if (!isTracing()) return undefined
  const [first] = await store.readStream(stream, { upTo: 1 })
  return first?.meta.traceparent
}
