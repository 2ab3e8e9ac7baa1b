// What is to hold by and by, however busy the machine is.
import { expect } from 'vitest'

/** As `expect.poll`, with the patience of a machine that runs many tests at once. */
export function eventually<T>(get: () => T, { interval = 20 }: { readonly interval?: number } = {}) {
  return expect.poll(get, { timeout: 15_000, interval })
}
