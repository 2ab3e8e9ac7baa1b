// How long tests wait for what happens in its own time: enough for a slow machine, and looked at often.

/** For `vi.waitFor`. */
export const WAIT = { timeout: 20_000, interval: 20 } as const
