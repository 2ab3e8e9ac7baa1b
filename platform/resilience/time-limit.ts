// A time limit for calls that does not count the time in which this process was too busy to read a response.

/** Thrown when a call got no response within its time limit. */
export class TimeLimitExceeded extends Error {
  /** True when this process was too busy to read a response, which then says nothing about the dependency. */
  readonly starved: boolean
  /** True when the dependency answered other calls meanwhile: it works, but it has too much to do. */
  readonly answersOthers: boolean
  constructor(timeoutMs: number, starved: boolean, answersOthers = false) {
    super(
      `no answer within ${timeoutMs} ms${starved ? ', in which this process was too busy to hear one' : ''}`,
    )
    this.name = 'TimeLimitExceeded'
    this.starved = starved
    this.answersOthers = answersOthers
  }
}

/** The limit is measured in parts, so that a stall of the event loop costs one or two of them. */
const PARTS = 4
/** A timer that fires this late shows that the event loop was stalled. */
const STALL_MS = 50
/** A call takes this many times its limit at most, however long the stalls. */
const LONGEST = 2

/**
 * Returns the result of `work`. Throws TimeLimitExceeded after `timeoutMs`, and aborts `work`'s signal with it. Parts in which
 * the event loop was stalled are not counted, up to twice the limit, so that a response that waits in the socket is read;
 * `starved` is set when there was none.
 */
export function withTimeLimit<T>(work: (signal: AbortSignal) => Promise<T>, timeoutMs: number): Promise<T> {
  const abort = new AbortController()
  const { promise: late, reject } = Promise.withResolvers<never>()
  late.catch(() => {}) // nobody awaits it after a response
  const end = (countedParts: number) => {
    const error = new TimeLimitExceeded(timeoutMs, countedParts < PARTS)
    // Sockets are read between a timer and an immediate: a response that has arrived by now is in time.
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

/** Calls `end` once, with the parts counted, when the time is over. Returns what prevents that. */
function watchTime(timeoutMs: number, end: (countedParts: number) => void): () => void {
  const part = timeoutMs / PARTS
  const latest = performance.now() + timeoutMs * LONGEST
  let counted = 0
  let due = performance.now() + part
  let timer = setTimeout(tick, part)
  function tick(): void {
    const now = performance.now()
    if (now - due < Math.max(part / 2, STALL_MS)) counted += 1
    if (counted === PARTS || now >= latest) end(counted)
    else {
      due = now + part
      timer = setTimeout(tick, part)
    }
  }
  return () => clearTimeout(timer)
}
