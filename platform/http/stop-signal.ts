// Waits for the signal that ends a process. Used by main.ts files only.
import process from 'node:process'

/** Resolves at the first SIGINT or SIGTERM. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve)
  })
}
