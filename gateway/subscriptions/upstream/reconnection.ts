// Follows a subgraph's subscription over lost connections, with a growing wait between attempts.
import { isFinal, type UpstreamEvent } from '#gateway/subscriptions/upstream/upstream.ts'
import { UNAVAILABLE_MESSAGE } from '#gateway/transport/error-masking.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { backOff } from '#platform/resilience/backoff.ts'

type Reconnection = {
  readonly signal: AbortSignal
  /** How long the subgraph may be away before it was first reached, and how long after that. */
  readonly connectMs: number
  readonly outageMs: number
  /** Called for each connection, and for each that is lost and tried again. */
  readonly onOpen: () => void
  readonly onLost: (error: unknown) => void
}

type NextEvent = Extract<UpstreamEvent, { type: 'next' }>

/** After a connection that lasted so long the next wait is short again. */
const STABLE_MS = 5000

/**
 * Yields the events of all connections. Events published in between are missed, unless events have ids: `connect` gets the
 * last one. Throws a final error as it is, and UNAVAILABLE when the subgraph stays away. Ends when `signal` aborts.
 */
export async function* followWithReconnects(
  connect: (lastId: string | undefined) => AsyncIterable<UpstreamEvent>,
  { signal, connectMs, outageMs, onOpen, onLost }: Reconnection,
): AsyncGenerator<NextEvent> {
  let maxAwayMs = connectMs
  let awaySince = performance.now()
  let attempts = 0
  let lastId: string | undefined
  while (!signal.aborted) {
    let openSince: number | undefined
    try {
      for await (const event of connect(lastId)) {
        if (event.type === 'next') {
          lastId = event.id ?? lastId
          yield event
          continue
        }
        openSince = performance.now()
        maxAwayMs = outageMs
        onOpen()
      }
      return
    } catch (error) {
      if (signal.aborted) return
      if (isFinal(error)) throw error
      onLost(error)
      const now = performance.now()
      if (openSince !== undefined) awaySince = now
      if (openSince !== undefined && now - openSince > STABLE_MS) attempts = 0
      if (now - awaySince > maxAwayMs) throw new CallerError('UNAVAILABLE', UNAVAILABLE_MESSAGE, {}, error)
    }
    await backOff(attempts++, signal)
  }
}
