// Runs pieces of work one after another, in the order in which they were handed in.

type SerialQueue = <T>(work: () => Promise<T>) => Promise<T>

export function createSerialQueue(): SerialQueue {
  let last: Promise<unknown> = Promise.resolve()
  return work => {
    const result = last.then(work)
    last = result.catch(() => {}) // reported to the caller of this work; the next work runs all the same
    return result
  }
}
