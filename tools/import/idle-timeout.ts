// Measures how long nothing has arrived for several waiting callers.

export type IdleTimeout = {
  hasExpired(): boolean
  /** Restarts the timeout: something has arrived. */
  renew(): void
}

/** Expires when nothing has arrived for `ms`. Callers share it, so what arrives for one renews it for all. */
export function createIdleTimeout(ms: number, now: () => number = () => performance.now()): IdleTimeout {
  let until = now() + ms
  return {
    hasExpired: () => now() > until,
    renew() {
      until = now() + ms
    },
  }
}
