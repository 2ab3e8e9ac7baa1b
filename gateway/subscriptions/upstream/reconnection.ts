// Keeps following a subscription over lost connections: again after a wait that grows, until it is complete or given up.
import { isFinal, type UpstreamEvent } from '#gateway/subscriptions/upstream/upstream.ts'
import { UNAVAILABLE_MESSAGE } from '#gateway/transport/error-masking.ts'
import { CallerError } from '#platform/domain/errors.ts'

export type Reconnection = {
  readonly signal: AbortSignal
  /** How long the subgraph may be away until it was reached once, and then. */
  readonly connectMs: number
  readonly outageMs: number
  /** Told of each connection, and of what ended one that is not the last. */
  readonly opened: () => void
  readonly lost: (error: unknown) => void
}

type NextEvent = Extract<UpstreamEvent, { type: 'next' }>

const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 5000
/** A connection that lasted so long was a good one: the next wait is short again. */
const GOOD_MS = 5000

/**
 * What is published while there is no connection is missed, unless events have ids: `connect` gets the last one's.
 * Throws what is final as it is, and CallerError UNAVAILABLE when the subgraph stays away. Ends when `signal` aborts.
 */
export async function* followWithReconnects(
  connect: (lastId: string | undefined) => AsyncIterable<UpstreamEvent>,
  { signal, connectMs, outageMs, opened, lost }: Reconnection,
): AsyncGenerator<NextEvent> {
  let patience = connectMs
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
        patience = outageMs
        opened()
      }
      return
    } catch (error) {
      if (signal.aborted) return
      if (isFinal(error)) throw error
      lost(error)
      const now = performance.now()
      if (openSince !== undefined) awaySince = now
      if (openSince !== undefined && now - openSince > GOOD_MS) attempts = 0
      if (now - awaySince > patience) throw new CallerError('UNAVAILABLE', UNAVAILABLE_MESSAGE, {}, error)
    }
    await pause(attempts++, signal)
  }
}

/** Full jitter, so that all who lost a subgraph do not come back to it at once. */
function pause(attempts: number, signal: AbortSignal): Promise<void> {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempts)
  return new Promise(resolve => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, Math.random() * longest)
    signal.addEventListener('abort', end)
  })
}
