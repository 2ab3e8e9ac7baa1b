// Limits how many sockets and streams are open at once, and closes all of them when the server stops.

export type ConnectionLimit = {
  /** True when as many are open as there may be, and once `closeAll` was called. */
  isFull(): boolean
  /** Counts a connection until what this returns is called. `close` ends the connection, not necessarily at once. */
  enter(close: () => void): () => void
  /** Closes all connections, spread over a moment so that clients do not all come back at once. */
  closeAll(): Promise<void>
}

const SPREAD_PER_CONNECTION_MS = 2
const MAX_SPREAD_MS = 5000

export function createConnectionLimit(max: number): ConnectionLimit {
  const connections = new Map<() => void, () => void>()
  let closing = false
  let onEmpty: (() => void) | undefined
  return {
    isFull: () => closing || connections.size >= max,
    enter(close) {
      const leave = () => {
        connections.delete(leave)
        if (connections.size === 0) onEmpty?.()
      }
      connections.set(leave, close)
      return leave
    },
    async closeAll() {
      closing = true
      if (connections.size === 0) return
      const spread = Math.min(MAX_SPREAD_MS, connections.size * SPREAD_PER_CONNECTION_MS)
      const empty = Promise.withResolvers<void>()
      onEmpty = empty.resolve
      for (const close of connections.values()) setTimeout(close, Math.random() * spread)
      await empty.promise
    },
  }
}
