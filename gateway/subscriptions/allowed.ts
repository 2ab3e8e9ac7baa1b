// Ends a reader's subscription when the token was refreshed with one that allows something else. Free of what tokens allow.
import { CallerError } from '#platform/domain/errors.ts'

/**
 * What `source` gives, until `changed` says, of a reader who is about to get something, that it may not be theirs any
 * more: then next() rejects with FORBIDDEN instead, and `source` is let go of.
 */
export function endWhenRightsChange<T>(
  source: AsyncIterator<T>,
  changed: () => boolean | Promise<boolean>,
): AsyncIterator<T> {
  return {
    async next() {
      const result = await source.next()
      if (result.done || !(await changed())) return result
      await source.return?.()
      throw new CallerError(
        'FORBIDDEN',
        'the token that it was refreshed with allows something else: subscribe again',
      )
    },
    return: async () => (await source.return?.()) ?? { done: true, value: undefined },
  }
}
