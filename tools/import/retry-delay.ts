// How long those who wait for one thing or another go on waiting. Free of what they wait for.

export type Patience = {
  isOver(): boolean
  /** Something has come. */
  renew(): void
}

/** Over once nothing has come for `ms`. Shared by all who wait: what comes to one gives patience to all. */
export function createPatience(ms: number, now: () => number = () => performance.now()): Patience {
  let until = now() + ms
  return {
    isOver: () => now() > until,
    renew() {
      until = now() + ms
    },
  }
}
