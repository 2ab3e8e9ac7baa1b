// Who may see which part of a page, decided on its value, and the checks of the ids that pages are asked for by.
import { isStaff, mayActFor, requireRole, type Viewer } from '#platform/auth/viewer.ts'
import { COUNTRY_CODE, isCountry } from '#platform/domain/country.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { ID_PREFIXES, isId } from '#platform/domain/ids.ts'

/** The longest text that an error repeats. */
const SHOWN = 60

type Owned = { readonly customer: { readonly id: string } }

/** Somebody else's order looks like none. */
export function visibleOrder<Order extends Owned>(
  order: Order | null | undefined,
  viewer: Viewer | undefined,
): Order | undefined {
  return order && mayActFor(viewer, order.customer.id) ? order : undefined
}

/** What the page shows of stock by warehouse is for staff. */
export function hideStaffFields<Product extends { readonly stock?: unknown }>(
  product: Product,
  viewer: Viewer | undefined,
): Product {
  return isStaff(viewer) ? product : { ...product, stock: null }
}

/** Throws CallerError FORBIDDEN for customers, UNAUTHENTICATED for nobody. */
export function requireStaff(viewer: Viewer | undefined): Viewer {
  return requireRole(viewer, 'support', 'ops', 'service')
}

/** Throws CallerError BAD_USER_INPUT for what can be no order's id, so that it costs no request. */
export function checkOrderId(field: string, value: string): string {
  if (isId('order', value)) return value
  return malformed(field, `an id such as ${ID_PREFIXES.order}_0190a5b2-…`, value)
}

const SKU = /^[A-Za-z0-9._-]{1,64}$/

/** False for what can be no product's. */
export function isSku(value: string): boolean {
  return SKU.test(value)
}

/** Throws CallerError BAD_USER_INPUT for what is no country's code. */
export function checkCountry(field: string, value: string): string {
  return isCountry(value) ? value : malformed(field, COUNTRY_CODE, value)
}

/** Throws CallerError BAD_USER_INPUT when it is not a whole number from `min` to `max`. */
export function checkInt(field: string, value: number, min: number, max: number): number {
  return value >= min && value <= max
    ? value
    : malformed(field, `a whole number from ${min} to ${max}`, value)
}

function malformed(field: string, expected: string, got: unknown): never {
  const shown = JSON.stringify(got).slice(0, SHOWN)
  throw new CallerError('BAD_USER_INPUT', `${field}: should be ${expected}; got ${shown}`, { field })
}
