// Runs work that shares a key one after another, in the order of arrival.
import { CallerError } from '#platform/domain/errors.ts'

export type KeyedQueue = {
  /**
   * Runs `work` alone among all work that shares one of `keys`. Keys are taken in sorted order, so that there are no
   * deadlocks. Throws CallerError UNAVAILABLE past 10,000 waiting calls.
   */
  run<Result>(keys: readonly string[], work: () => Promise<Result>): Promise<Result>
}

const MAX_WAITING = 10_000

export function createKeyedQueue(): KeyedQueue {
  const tails = new Map<string, Promise<void>>()
  let waiting = 0

  /** Resolves, once the key is free, to a function that releases it. */
  async function acquire(key: string): Promise<() => void> {
    const before = tails.get(key)
    const { promise, resolve } = Promise.withResolvers<void>()
    tails.set(key, promise)
    await before
    return () => {
      if (tails.get(key) === promise) tails.delete(key)
      resolve()
    }
  }

  return {
    async run(keys, work) {
      if (waiting >= MAX_WAITING)
        throw new CallerError('UNAVAILABLE', `${waiting} commands are waiting already. Try again shortly.`)
      waiting += 1
      const releases: (() => void)[] = []
      try {
        for (const key of [...new Set(keys)].sort()) releases.push(await acquire(key))
        return await work()
      } finally {
        waiting -= 1
        for (const release of releases.reverse()) release()
      }
    },
  }
}
