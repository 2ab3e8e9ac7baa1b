// Checks the ids that `nodes` of both graphs takes, and names the type of what was found by one.
import { CallerError } from '#platform/domain/errors.ts'

const MAX_NODES = 100

/** Throws CallerError BAD_USER_INPUT unless there are 1 to 100 ids. */
export function checkNodeIds(ids: readonly string[]): void {
  if (ids.length >= 1 && ids.length <= MAX_NODES) return
  throw new CallerError(
    'BAD_USER_INPUT',
    `\`ids\` should have 1 to ${MAX_NODES} entries; got ${ids.length}`,
    { field: 'ids' },
  )
}

/** Returns the value with the name of its type, by which the interface Node is resolved; null when there is none. */
export function typed<Name extends string, Value extends object>(
  name: Name,
  value: Value | null | undefined,
) {
  return value ? { ...value, __typename: name } : null
}
