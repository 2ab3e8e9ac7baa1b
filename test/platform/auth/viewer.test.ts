import { describe, expect, it } from 'vitest'
import { isStaff, mayActFor, requireRole, requireViewer, type Viewer } from '#platform/auth/viewer.ts'

const customer: Viewer = { subject: 'cus_1', role: 'customer' }
const support: Viewer = { subject: 'sue', role: 'support' }

describe('a viewer', () => {
  it('is staff unless it is a customer or anonymous', () => {
    expect(isStaff(customer)).toBe(false)
    expect(isStaff(undefined)).toBe(false)
    expect(isStaff(support)).toBe(true)
  })

  it('may act for itself as a customer, for anybody as staff, and for nobody without a token', () => {
    expect(mayActFor(customer, 'cus_1')).toBe(true)
    expect(mayActFor(customer, 'cus_2')).toBe(false)
    expect(mayActFor(support, 'cus_2')).toBe(true)
    expect(mayActFor(undefined, 'cus_2')).toBe(false)
  })

  it('must be known before its role is checked', () => {
    expect(requireViewer(customer)).toBe(customer)
    expect(() => requireViewer(undefined)).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }))
    expect(() => requireRole(undefined, 'ops')).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }))
  })

  it('is refused with the roles that are allowed', () => {
    expect(requireRole(support, 'support', 'ops')).toBe(support)
    expect(() => requireRole(customer, 'support', 'ops')).toThrow(
      expect.objectContaining({ code: 'FORBIDDEN', message: expect.stringContaining('support or ops') }),
    )
  })
})
