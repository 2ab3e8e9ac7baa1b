// Checks the arguments by which a page of a connection is asked for, the same for every list of the BFFs' graphs.
import { CallerError } from '#platform/domain/errors.ts'

type Given<Value> = Value | null | undefined

type PageArguments = {
  readonly first?: Given<number>
  readonly after?: Given<string>
  readonly last?: Given<number>
  readonly before?: Given<string>
}

/** A page in one form, so that equal pages share a cached one: either `first` with `after`, or `last` with `before`. */
export type PageOf = {
  readonly first: number | null
  readonly after: string | null
  readonly last: number | null
  readonly before: string | null
}

/** Items of a page whose size is not given. */
const DEFAULT_SIZE = 20

/**
 * Throws CallerError BAD_USER_INPUT for a size that is not from 1 to `max`, and for arguments that contradict each other.
 */
export function pageOf({ first, after, last, before }: PageArguments, max: number): PageOf {
  if (first != null && last != null) throw refused('last', '`first` or `last` is given, not both')
  if (after != null && before != null) throw refused('before', '`after` or `before` is given, not both')
  if (last != null || before != null) {
    if (first != null) throw refused('before', '`before` goes with `last`, and `after` with `first`')
    if (after != null) throw refused('after', '`after` goes with `first`, and `before` with `last`')
    return { first: null, after: null, last: sizeOf('last', last, max), before: before ?? null }
  }
  return { first: sizeOf('first', first, max), after: after ?? null, last: null, before: null }
}

function sizeOf(field: 'first' | 'last', size: Given<number>, max: number): number {
  if (size == null) return DEFAULT_SIZE
  if (size >= 1 && size <= max) return size
  throw refused(field, `\`${field}\` should be a whole number from 1 to ${max}; got ${size}`)
}

function refused(field: string, message: string): CallerError {
  return new CallerError('BAD_USER_INPUT', message, { field })
}
