// Writes the newest of many values, at most once in a given time.

type ThrottledWriter<Value> = {
  /** Writes `value` soon, unless a newer one comes first. */
  offer(value: Value): void
  /** Drops the value that waits, and waits for the write in flight. */
  stop(): Promise<void>
}

/** `write` must not reject: the next value is a new attempt. One write is in flight at a time. */
export function createThrottledWriter<Value>(
  intervalMs: number,
  write: (value: Value) => Promise<void>,
): ThrottledWriter<Value> {
  let pending: { readonly value: Value } | undefined
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> | undefined
  let startedAt = Number.NEGATIVE_INFINITY

  function schedule(): void {
    if (pending === undefined || timer !== undefined || writing !== undefined) return
    timer = setTimeout(start, Math.max(0, startedAt + intervalMs - performance.now()))
  }

  function start(): void {
    timer = undefined
    if (pending === undefined) return
    const { value } = pending
    pending = undefined
    startedAt = performance.now()
    writing = write(value).finally(() => {
      writing = undefined
      schedule()
    })
  }

  return {
    offer(value) {
      pending = { value }
      schedule()
    },
    async stop() {
      pending = undefined
      clearTimeout(timer)
      timer = undefined
      await writing
    },
  }
}
