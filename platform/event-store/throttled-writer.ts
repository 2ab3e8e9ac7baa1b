// Writes the newest of many values, not more often than a given time apart. Free of what is written.

export type ThrottledWriter<Value> = {
  /** Has `value` written soon, unless a newer one comes first. */
  offer(value: Value): void
  /** Drops what is not yet begun, and waits for the write that is under way. */
  stop(): Promise<void>
}

/** `write` handles its own failures: the next value is a new try. One write is under way at a time. */
export function createThrottledWriter<Value>(
  spacingMs: number,
  write: (value: Value) => Promise<void>,
): ThrottledWriter<Value> {
  let owed: { readonly value: Value } | undefined
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> | undefined
  let startedAt = Number.NEGATIVE_INFINITY

  function schedule(): void {
    if (owed === undefined || timer !== undefined || writing !== undefined) return
    timer = setTimeout(begin, Math.max(0, startedAt + spacingMs - performance.now()))
  }

  function begin(): void {
    timer = undefined
    if (owed === undefined) return
    const { value } = owed
    owed = undefined
    startedAt = performance.now()
    writing = write(value).finally(() => {
      writing = undefined
      schedule()
    })
  }

  return {
    offer(value) {
      owed = { value }
      schedule()
    },
    async stop() {
      owed = undefined
      clearTimeout(timer)
      timer = undefined
      await writing
    },
  }
}
