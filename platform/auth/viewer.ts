// Defines viewers and their roles, and checks what they may do.
import { CallerError } from '#platform/domain/errors.ts'

export const ROLES = ['customer', 'support', 'ops', 'service'] as const
export type Role = (typeof ROLES)[number]

/** A customer's subject is its `cus_` id. An anonymous caller is `undefined`. */
export type Viewer = { readonly subject: string; readonly role: Role }

export function isRole(value: unknown): value is Role {
  return ROLES.some(role => role === value)
}

/** Returns whether the viewer is support, ops or a service. */
export function isStaff(viewer: Viewer | undefined): boolean {
  return viewer !== undefined && viewer.role !== 'customer'
}

/** Returns whether the viewer may act for the customer: staff for everybody, a customer for itself. */
export function mayActFor(viewer: Viewer | undefined, customerId: string): boolean {
  return viewer !== undefined && (viewer.role !== 'customer' || viewer.subject === customerId)
}

/** Throws CallerError UNAUTHENTICATED when there is no viewer. */
export function requireViewer(viewer: Viewer | undefined): Viewer {
  if (viewer === undefined) throw new CallerError('UNAUTHENTICATED', 'this needs a bearer token')
  return viewer
}

/** Throws CallerError FORBIDDEN when the viewer has none of `roles`, UNAUTHENTICATED when there is no viewer. */
export function requireRole(viewer: Viewer | undefined, ...roles: readonly Role[]): Viewer {
  const known = requireViewer(viewer)
  if (!roles.includes(known.role))
    throw new CallerError('FORBIDDEN', `this needs the role ${roles.join(' or ')}; yours is ${known.role}`)
  return known
}
