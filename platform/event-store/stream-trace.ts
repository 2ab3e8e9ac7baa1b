// Finds the trace that a stream began in, for what comes from outside and brings none, such as a carrier's notice.
import type { EventStore, StreamId } from '#platform/event-store/event-store.ts'
import { isTracing } from '#platform/telemetry/tracing.ts'

/** The traceparent beside the stream's first event, read only while tracing is on; undefined when there is none. */
export async function findOriginTrace(
  store: Pick<EventStore, 'readStream'>,
  stream: StreamId,
): Promise<string | undefined> {
  if (!isTracing()) return undefined
  const [first] = await store.readStream(stream, { upTo: 1 })
  return first?.meta.traceparent
}
