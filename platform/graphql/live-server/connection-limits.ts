// How many live connections there are, sockets and streams together, and how they all end. Free of what they are.

export type ConnectionLimit = {
  /** True when there are as many as there may be, and from the farewell on. */
  isFull(): boolean
  /** `close` ends the connection by and by; whoever entered calls what this returns when it has ended. */
  enter(close: () => void): () => void
  /** Closes all of them, spread over a moment so that clients do not all come back at once. */
  closeAll(): Promise<void>
}

const SPREAD_PER_CONNECTION_MS = 2
const MAX_SPREAD_MS = 5000

export function createConnectionLimit(most: number): ConnectionLimit {
  const places = new Map<() => void, () => void>()
  let leaving = false
  let allGone: (() => void) | undefined
  return {
    isFull: () => leaving || places.size >= most,
    enter(close) {
      const leave = () => {
        places.delete(leave)
        if (places.size === 0) allGone?.()
      }
      places.set(leave, close)
      return leave
    },
    async closeAll() {
      leaving = true
      if (places.size === 0) return
      const spread = Math.min(MAX_SPREAD_MS, places.size * SPREAD_PER_CONNECTION_MS)
      const gone = Promise.withResolvers<void>()
      allGone = gone.resolve
      for (const close of places.values()) setTimeout(close, Math.random() * spread)
      await gone.promise
    },
  }
}
