// Makes a new supergraph's operations ready before anybody asks for them, in small steps between requests. Free of where it comes from.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Operations } from '#gateway/operations.ts'

export type WarmUp = {
  readonly warmed: number
  /** Operations that were in use and that the new supergraph does not take. */
  readonly refused: number
  /** Left for want of time. */
  readonly left: number
}

export type WarmUpBounds = { readonly operations: number; readonly ms: number }

/**
 * Prepares on `next` what was asked of `before`, the most used first, and at most `bounds.operations` of it. One operation is
 * the longest that requests wait. Stops after `bounds.ms`, or when `signal` is aborted.
 */
export async function warmUp(
  next: Operations,
  before: Operations,
  { bounds, signal }: { readonly bounds: WarmUpBounds; readonly signal: AbortSignal },
): Promise<WarmUp> {
  const used = before.mostUsed(bounds.operations)
  const end = performance.now() + bounds.ms
  let refused = 0
  let done = 0
  for (const asked of used) {
    if (signal.aborted || performance.now() >= end) break
    if ('errors' in (await next.prepare(asked.text, asked.name))) refused++
    done++
    await nextTurn()
  }
  return { warmed: done - refused, refused, left: used.length - done }
}
