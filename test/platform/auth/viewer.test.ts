import { describe, expect, it } from 'vitest'
import { isStaff, mayActFor, requireRole, requireViewer, type Viewer } from '#platform/auth/viewer.ts'

const customer: Viewer = { subject: 'cus_1', role: 'customer' }
const support: Viewer = { subject: 'sue', role: 'support' }

describe('a viewer', () => {
  it('is staff unless it is a customer or nobody', () => {
    expect(isStaff(customer)).toBe(false)
    expect(isStaff(undefined)).toBe(false)
    expect(isStaff(support)).toBe(true)
  })

  it('acts for itself as a customer, for anybody as staff, for nobody without a token', () => {
    expect(mayActFor(customer, 'cus_1')).toBe(true)
    expect(mayActFor(customer, 'cus_2')).toBe(false)
    expect(mayActFor(support, 'cus_2')).toBe(true)
    expect(mayActFor(undefined, 'cus_2')).toBe(false)
  })

  it('is required before its role is', () => {
    expect(requireViewer(customer)).toBe(customer)
    expect(() => requireViewer(undefined)).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }))
    expect(() => requireRole(undefined, 'ops')).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }))
  })

  it('is refused with the roles that would do', () => {
    expect(requireRole(support, 'support', 'ops')).toBe(support)
    expect(() => requireRole(customer, 'support', 'ops')).toThrow(
      expect.objectContaining({ code: 'FORBIDDEN', message: expect.stringContaining('support or ops') }),
    )
  })
})
