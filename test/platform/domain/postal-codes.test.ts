import { expect, test } from 'vitest'
import { hasPostalCodes } from '#platform/domain/postal-codes.ts'

test.each(['US', 'DE', 'GB', 'BR', 'JP', 'IN', 'AX', 'IE', 'SG'])('%s has postal codes', country => {
  expect(hasPostalCodes(country)).toBe(true)
})

test.each(['HK', 'MO', 'AE', 'PA', 'QA', 'JM', 'GH', 'UG', 'BO', 'FJ'])('%s has none', country => {
  expect(hasPostalCodes(country)).toBe(false)
})
