// Checks the ids that the mobile graph is asked for, so that a malformed one costs no request.
import { CallerError } from '#platform/domain/errors.ts'
import { isId } from '#platform/domain/ids.ts'

/** Returns `id`. Throws CallerError BAD_USER_INPUT when it cannot be the id of an order. */
export function checkOrderId(id: string): string {
  if (isId('order', id)) return id
  throw new CallerError(
    'BAD_USER_INPUT',
    `id: should be an id such as ord_0190a5b2-…; got ${JSON.stringify(id.slice(0, 60))}`,
    { field: 'id' },
  )
}

/** Returns `first`. Throws CallerError BAD_USER_INPUT that names the bounds when it is out of them. */
export function checkCount(first: number, least: number, most: number): number {
  if (first >= least && first <= most) return first
  throw new CallerError('BAD_USER_INPUT', `first is ${first}; it should be ${least} to ${most}`, {
    field: 'first',
  })
}
