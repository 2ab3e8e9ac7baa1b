// How long to wait before the next attempt.

export type Backoff = {
  /** The longest first wait, in ms; each further one is twice as long. */
  readonly minMs: number
  /** No wait is longer than this, in ms. */
  readonly maxMs: number
}

/**
 * Returns a random wait between half and all of the step of this attempt (0, 1, 2 …), so that clients that were cut off at
 * once do not come back at once. A server that asks for more (`atLeastMs`) gets it, and up to a quarter on top.
 */
export function waitBefore(attempt: number, { minMs, maxMs }: Backoff, atLeastMs = 0): number {
  const step = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30))
  return Math.max(step * (0.5 + Math.random() / 2), atLeastMs * (1 + Math.random() / 4))
}
