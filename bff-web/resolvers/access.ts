// Authorises callers on the pages that they get, and checks the arguments by which pages are asked for.
import { mayActFor, requireRole, type Viewer } from '#platform/auth/viewer.ts'
import { COUNTRY_CODE, isCountry } from '#platform/domain/country.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { ID_PREFIXES, isId } from '#platform/domain/ids.ts'

/** Characters of the input that an error repeats. */
const MAX_SHOWN = 60

type Owned = { readonly customer: { readonly id: string } }

/** Returns the order, or undefined when it is somebody else's. */
export function visibleOrder<Order extends Owned>(
  order: Order | null | undefined,
  viewer: Viewer | undefined,
): Order | undefined {
  return order && mayActFor(viewer, order.customer.id) ? order : undefined
}

/** Returns the viewer. Throws CallerError FORBIDDEN for a customer, UNAUTHENTICATED without a viewer. */
export function requireStaff(viewer: Viewer | undefined): Viewer {
  return requireRole(viewer, 'support', 'ops', 'service')
}

/** Returns the id. Throws CallerError BAD_USER_INPUT when no order can have it, so that it costs no request. */
export function checkOrderId(value: string): string {
  if (isId('order', value)) return value
  return malformed('id', `an id such as ${ID_PREFIXES.order}_0190a5b2-…`, value)
}

/** Returns the code. Throws CallerError BAD_USER_INPUT when no country has it. */
export function checkCountry(value: string): string {
  return isCountry(value) ? value : malformed('country', COUNTRY_CODE, value)
}

/** Returns the page size. Throws CallerError BAD_USER_INPUT when it is not from 0 to `max`. */
export function checkPageSize(first: number, max: number): number {
  return first >= 0 && first <= max ? first : malformed('first', `a whole number from 0 to ${max}`, first)
}

function malformed(field: string, expected: string, got: unknown): never {
  const shown = JSON.stringify(got).slice(0, MAX_SHOWN)
  throw new CallerError('BAD_USER_INPUT', `${field}: should be ${expected}; got ${shown}`, { field })
}
