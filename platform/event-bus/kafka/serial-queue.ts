// Lets pieces of work go on one after another. Free of what they are.

/** Runs `work` once all that was handed in before has ended, however it ended. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>

export function createSerialQueue(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  return work => {
    const turn = last.then(work)
    last = turn.catch(() => {}) // told to whoever handed it in
    return turn
  }
}
