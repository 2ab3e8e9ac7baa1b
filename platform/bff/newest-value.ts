// A place for one value between a fast writer and a slow reader: the newest wins, memory stays at one value.

export type NewestValue<T> = {
  put(value: T): void
  end(): void
  readonly values: AsyncIterableIterator<T>
}

/** `onEnd` is called once, when either side ends it. Only one `next` may be waited for at a time. */
export function createNewestValue<T>(onEnd: () => void): NewestValue<T> {
  let held: { value: T } | undefined
  let waiting: ((result: IteratorResult<T, undefined>) => void) | undefined
  let ended = false
  const finish = () => {
    if (ended) return
    ended = true
    held = undefined
    onEnd()
    waiting?.({ done: true, value: undefined })
    waiting = undefined
  }
  return {
    put(value) {
      if (ended) return
      if (!waiting) {
        held = { value }
        return
      }
      const deliver = waiting
      waiting = undefined
      deliver({ done: false, value })
    },
    end: finish,
    values: {
      next() {
        if (held) {
          const { value } = held
          held = undefined
          return Promise.resolve({ done: false, value })
        }
        if (ended) return Promise.resolve({ done: true, value: undefined })
        return new Promise(resolve => {
          waiting = resolve
        })
      },
      return() {
        finish()
        return Promise.resolve({ done: true, value: undefined })
      },
      throw(error) {
        finish()
        return Promise.reject(error)
      },
      [Symbol.asyncIterator]() {
        return this
      },
    },
  }
}
