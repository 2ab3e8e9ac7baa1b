// Prepares the most used operations on a new supergraph before it is served, one at a time between requests.
import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { OperationCache, OperationKey } from '#gateway/operations/operation-cache.ts'

type WarmUpResult = {
  readonly warmed: number
  /** Operations that are no longer valid on the new supergraph. */
  readonly refused: number
  /** Operations that were not prepared in time. */
  readonly left: number
}

type WarmUpBounds = { readonly operations: number; readonly ms: number }

/**
 * Prepares on `next` the operations of `before`, the most used first, at most `bounds.operations`. Resolves after `bounds.ms`
 * at the latest, or when `signal` aborts. Never rejects.
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
  for (const operation of used) {
    const isValid = await Promise.race([isPrepared(next, operation), ended])
    if (over.aborted) break
    if (isValid !== true) refused++
    done++
    await nextTurn()
  }
  return { warmed: done - refused, refused, left: used.length - done }
}

/** An operation that cannot be planned does not keep the new supergraph from being served. */
async function isPrepared(
  next: Pick<OperationCache, 'prepare'>,
  { text, name }: OperationKey,
): Promise<boolean> {
  try {
    return !('errors' in (await next.prepare(text, name)))
  } catch {
    return false
  }
}
