// How far a consumer is known to be, and who waits for it. Free of where the knowledge comes from.

export type Checkpoint = {
  position(): number
  /** Sets what is known, tells listeners if it changed, and answers the waiting that it satisfies. */
  set(checkpoint: number): void
  /** True once the checkpoint is at `position`; false after `timeoutMs`, when closed, or when too many wait already. */
  reached(position: number, timeoutMs: number): Promise<boolean>
  isAwaited(): boolean
  onProgress(listener: (checkpoint: number) => void): () => void
  close(): void
}

type Waiter = { readonly position: number; readonly settle: (reached: boolean) => void }

const MAX_WAITERS = 10_000

/** `onAwaited` is called when somebody begins to wait. */
export function createCheckpoint(onAwaited: () => void): Checkpoint {
  let checkpoint = 0
  let closed = false
  const waiters = new Set<Waiter>()
  const listeners = new Set<(checkpoint: number) => void>()

  return {
    position: () => checkpoint,
    set(next) {
      if (next === checkpoint) return
      checkpoint = next
      for (const waiter of waiters) if (waiter.position <= next) waiter.settle(true)
      for (const listener of listeners) listener(next)
    },
    reached(position, timeoutMs) {
      if (position <= checkpoint) return Promise.resolve(true)
      if (closed || waiters.size >= MAX_WAITERS) return Promise.resolve(false)
      return new Promise(resolve => {
        const timer = setTimeout(() => waiter.settle(false), timeoutMs)
        const waiter: Waiter = {
          position,
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
