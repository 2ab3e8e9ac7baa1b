// Holds a consumer's checkpoint as this process knows it, and resolves the callers that wait for a position.

export type Checkpoint = {
  position(): number
  /** Sets the position, calls the listeners if it changed, and resolves the waiters that it satisfies. */
  set(position: number): void
  /** Resolves to true once `position` is reached; to false after `timeoutMs`, when closed, or past 10,000 waiters. */
  reached(position: number, timeoutMs: number): Promise<boolean>
  isAwaited(): boolean
  onProgress(listener: (checkpoint: number) => void): () => void
  close(): void
}

type Waiter = { readonly position: number; readonly settle: (reached: boolean) => void }

const MAX_WAITERS = 10_000

/** Starts at position 0. `onAwaited` is called whenever a caller begins to wait. */
export function createCheckpoint(onAwaited: () => void): Checkpoint {
  let position = 0
  let closed = false
  const waiters = new Set<Waiter>()
  const listeners = new Set<(checkpoint: number) => void>()

  return {
    position: () => position,
    set(next) {
      if (next === position) return
      position = next
      for (const waiter of waiters) if (waiter.position <= next) waiter.settle(true)
      for (const listener of listeners) listener(next)
    },
    reached(wanted, timeoutMs) {
      if (wanted <= position) return Promise.resolve(true)
      if (closed || waiters.size >= MAX_WAITERS) return Promise.resolve(false)
      return new Promise(resolve => {
        const timer = setTimeout(() => waiter.settle(false), timeoutMs)
        const waiter: Waiter = {
          position: wanted,
          settle(reached) {
            clearTimeout(timer)
            waiters.delete(waiter)
            resolve(reached)
          },
        }
        waiters.add(waiter)
        onAwaited()
      })
    },
    isAwaited: () => waiters.size > 0,
    onProgress(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close() {
      closed = true
      for (const waiter of waiters) waiter.settle(false)
    },
  }
}
