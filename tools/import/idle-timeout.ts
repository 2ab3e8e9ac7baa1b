// How long those who wait for one thing or another go on waiting. Free of what they wait for.

export type IdleTimeout = {
  hasExpired(): boolean
  /** Something has come. */
  renew(): void
}

/** Over once nothing has come for `ms`. Shared by all who wait: what comes to one gives patience to all. */
export function createIdleTimeout(ms: number, now: () => number = () => performance.now()): IdleTimeout {
  let until = now() + ms
  return {
    hasExpired: () => now() > until,
    renew() {
      until = now() + ms
    },
  }
}
