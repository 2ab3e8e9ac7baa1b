// A time limit for calls to others that does not blame them for what this process missed. Free of any protocol.

/** A call that got no answer in its time. */
export class TimeLimitExceeded extends Error {
  /** Whether this process was too busy to hear an answer: then nothing is known of the one who was called. */
  readonly starved: boolean
  constructor(timeoutMs: number, starved: boolean) {
    super(
      `no answer within ${timeoutMs} ms${starved ? ', in which this process was too busy to hear one' : ''}`,
    )
    this.name = 'TimeLimitExceeded'
    this.starved = starved
  }
}

/** The limit is measured in so many parts, so that a standstill of the event loop costs one or two of them. */
const PARTS = 4
/** A timer that fires so late shows that the event loop stood still. */
const STANDSTILL_MS = 50
/** A call takes so many times its limit at most, whatever the event loop does. */
const LONGEST = 2

/**
 * What `work` gives, or TimeLimitExceeded after `timeoutMs`, with `work`'s signal aborted for that reason. Parts of the time
 * in which the event loop of this process stood still are not counted, up to twice the limit: an answer that lies in the
 * socket is taken then, and `starved` says when there was none.
 */
export function withTimeLimit<T>(work: (signal: AbortSignal) => Promise<T>, timeoutMs: number): Promise<T> {
  const abort = new AbortController()
  const { promise: late, reject } = Promise.withResolvers<never>()
  late.catch(() => {}) // whoever has the answer does not wait for it
  const end = (starved: boolean) => {
    const error = new TimeLimitExceeded(timeoutMs, starved)
    // Sockets are read between a timer and an immediate: what has arrived by now is an answer in time.
    immediate = setImmediate(() => {
      reject(error)
      abort.abort(error)
    })
  }
  const stopClock = watchTime(timeoutMs, end)
  let immediate: NodeJS.Immediate | undefined
  return Promise.race([work(abort.signal), late]).finally(() => {
    stopClock()
    clearImmediate(immediate)
  })
}

/** Calls `end` once, when the time is over; what it returns prevents that. */
function watchTime(timeoutMs: number, end: (starved: boolean) => void): () => void {
  const part = timeoutMs / PARTS
  const latest = performance.now() + timeoutMs * LONGEST
  let counted = 0
  let due = performance.now() + part
  let timer = setTimeout(tick, part)
  function tick(): void {
    const now = performance.now()
    if (now - due < Math.max(part / 2, STANDSTILL_MS)) counted += 1
    if (counted === PARTS || now >= latest) end(counted < PARTS)
    else {
      due = now + part
      timer = setTimeout(tick, part)
    }
  }
  return () => clearTimeout(timer)
}
