// Makes a new supergraph's operations ready before anybody asks for them, one at a time between requests. Free of where it comes from.
import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { OperationCache, OperationKey } from '#gateway/operations/operation-cache.ts'

export type WarmUpResult = {
  readonly warmed: number
  /** Operations that were in use and that the new supergraph does not take. */
  readonly refused: number
  /** Left for want of time. */
  readonly left: number
}

export type WarmUpBounds = { readonly operations: number; readonly ms: number }

/**
 * Prepares on `next` what was asked of `before`, the most used first, and at most `bounds.operations` of it. Resolves after
 * `bounds.ms` or when `signal` is aborted, whatever is under way then. Never rejects.
 */
export async function warmUp(
  next: Pick<OperationCache, 'prepare'>,
  before: Pick<OperationCache, 'mostUsed'>,
  { bounds, signal }: { readonly bounds: WarmUpBounds; readonly signal: AbortSignal },
): Promise<WarmUpResult> {
  const used = before.mostUsed(bounds.operations)
  if (bounds.ms === 0) return { warmed: 0, refused: 0, left: used.length }
  const over = AbortSignal.any([signal, AbortSignal.timeout(bounds.ms)])
  const ended = over.aborted ? Promise.resolve() : once(over, 'abort')
  let refused = 0
  let done = 0
  for (const asked of used) {
    const runs = await Promise.race([isTaken(next, asked), ended])
    if (over.aborted) break
    if (runs !== true) refused++
    done++
    await nextTurn()
  }
  return { warmed: done - refused, refused, left: used.length - done }
}

/** One that cannot be planned is no reason to keep all others from the new supergraph. */
async function isTaken(
  next: Pick<OperationCache, 'prepare'>,
  { text, name }: OperationKey,
): Promise<boolean> {
  try {
    return !('errors' in (await next.prepare(text, name)))
  } catch {
    return false
  }
}
