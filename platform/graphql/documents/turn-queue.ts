// Spreads work that takes milliseconds over turns of the event loop, so that simultaneous requests do not block it.
import { CallerError } from '#platform/domain/errors.ts'

const MAX_WAITING = 10_000

const waiting: (() => void)[] = []

/**
 * Resolves in a turn of the event loop that no other waiter gets, first come, first served. Rejects with CallerError
 * UNAVAILABLE when 10,000 wait already.
 */
export function waitForTurn(): Promise<void> {
  if (waiting.length >= MAX_WAITING)
    return Promise.reject(
      new CallerError('UNAVAILABLE', 'too many new operations wait to be checked: try again'),
    )
  return new Promise(resolve => {
    waiting.push(resolve)
    if (waiting.length === 1) setImmediate(resolveNext)
  })
}

function resolveNext(): void {
  waiting.shift()?.()
  if (waiting.length > 0) setImmediate(resolveNext)
}
