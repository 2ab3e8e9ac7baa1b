// Tests that a malformed placement is refused with the field's name, before any other service is called.
import { describe, expect, test } from 'vitest'
import { CallerError } from '#platform/domain/errors.ts'
import type { PlaceOrderInput } from '#schema/generated/orders.ts'
import { readPlacement, readSettleWithin } from '#subgraphs/orders/commands/input.ts'
import { CUSTOMER_ID, usd } from '#test/subgraphs/orders/domain/order-fixture.ts'

const customer = { subject: CUSTOMER_ID, role: 'customer' } as const
const staff = { subject: 'sam', role: 'support' } as const
const address = { name: 'Ada', line1: 'St James Sq 12', city: 'London', postalCode: 'SW1', country: 'GB' }
const input: PlaceOrderInput = {
  idempotencyKey: 'k',
  lines: [{ sku: 'MUG', quantity: 1 }],
  tenders: [{ kind: 'CARD', token: 'tok_approve' }],
  deliveryAddress: address,
}
const money = (amount: string, currency = 'USD') => ({ amount, currency })
const line = (changes: object) => ({ lines: [{ sku: 'MUG', quantity: 1, ...changes }] })
const tender = (changes: object) => ({ tenders: [{ kind: 'CARD' as const, token: 'tok', ...changes }] })
const to = (changes: object) => ({ deliveryAddress: { ...address, ...changes } })

function fault(work: () => unknown): { code?: string; message?: string } {
  try {
    work()
    return {}
  } catch (error) {
    if (!(error instanceof CallerError)) throw error
    return { code: error.code, message: error.message }
  }
}

describe('a malformed placement', () => {
  const table: [string, Partial<PlaceOrderInput>][] = [
    ['lines: should be 1 to 100 entries; got 0', { lines: [] }],
    ['lines: should be 1 to 100 entries; got 101', { lines: Array(101).fill({ sku: 'MUG', quantity: 1 }) }],
    ['lines[0].quantity: should be a whole number from 1 to 10000; got 0', line({ quantity: 0 })],
    ['lines[0].quantity: should be a whole number from 1 to 10000; got -3', line({ quantity: -3 })],
    ['lines[0].quantity: should be a whole number from 1 to 10000; got 10001', line({ quantity: 10_001 })],
    ['lines[0].sku: should be 1 to 64', line({ sku: '' })],
    ['lines[0].sku: should be 1 to 64', line({ sku: 'a b' })],
    ['lines[0].sku: should be 1 to 64', line({ sku: 'a'.repeat(65) })],
    ['lines[0].agreedUnitPrice.amount: should be 0 or more', line({ agreedUnitPrice: money('-1') })],
    ['lines[0].agreedUnitPrice.amount: "1.234" has 3 decimals', line({ agreedUnitPrice: money('1.234') })],
    ['lines[0].agreedUnitPrice.currency: should be one of', line({ agreedUnitPrice: money('1', 'XXX') })],
    ['tenders: should be 0 to 20 entries; got 21', { tenders: new Array(21).fill(tender({}).tenders[0]) }],
    ['tenders: should be given an amount each', { tenders: [...tender({}).tenders, ...tender({}).tenders] }],
    ['tenders[0].token: should be 1 to 200 characters', tender({ token: ' ' })],
    ['tenders[0].token: should be printable', tender({ token: 'tok en' })],
    ['tenders[0].token: should be what the payment provider gave', tender({ token: '4111 1111 1111 1111' })],
    ['tenders[0].token: should be what the payment provider gave', tender({ token: '4111-1111-1111-1111' })],
    ['tenders[0].token: should be what the payment provider gave', tender({ token: '378282246310005' })],
    ['tenders[0].amount.amount: should be more than 0', tender({ amount: money('0') })],
    ['tenders[0].amount.amount: should be more than 0', tender({ amount: money('-5') })],
    ['tenders[0].amount.amount: 99999999999 USD is more than', tender({ amount: money('99999999999') })],
    ['deliveryAddress.name: should be 1 to 200 characters', to({ name: '' })],
    ['deliveryAddress.line1: should be 1 to 200 characters', to({ line1: '  ' })],
    ['deliveryAddress.line1: should be text without control', to({ line1: 'a\u0000b' })],
    ['deliveryAddress.city: should be 1 to 100 characters', to({ city: '' })],
    ['deliveryAddress.postalCode: should be 1 to 20 characters', to({ postalCode: '' })],
    [
      'deliveryAddress.postalCode: should be 1 to 20 characters for an address in GB',
      to({ postalCode: null }),
    ],
    ['deliveryAddress.postalCode: should be 1 to 20', to({ postalCode: 'x'.repeat(21), country: 'HK' })],
    ['deliveryAddress.country: should be an ISO 3166-1', to({ country: 'Germany' })],
    ['deliveryAddress.country: should be an ISO 3166-1', to({ country: 'de' })],
    ['deliveryAddress.country: should be an ISO 3166-1', to({ country: 'ZZ' })],
    ['deliveryAddress.country: should be an ISO 3166-1', to({ country: 'EU' })],
    ['deliveryAddress.country: should be an ISO 3166-1', to({ country: 'UK' })],
    ['deliveryAddress.country: should be an ISO 3166-1', to({ country: 'YU' })],
    ['deliveryInstructions: should be 1 to 500 characters', { deliveryInstructions: 'x'.repeat(501) }],
    ['reference: should be 1 to 100 characters', { reference: 'x'.repeat(101) }],
    ['expectedTotal.amount: should be 0 or more', { expectedTotal: money('-1') }],
    ['agreedShippingFee.amount: should be 0 or more', { agreedShippingFee: money('-1') }],
    ['adjustments[0].amount: should be more or less', { adjustments: [{ label: 'x', amount: money('0') }] }],
    ['adjustments[0].label: should be 1 to 100', { adjustments: [{ label: '', amount: money('1') }] }],
    ['customerId: should be an id such as cus_', { customerId: 'ada' }],
    ['customerId: should be an id such as cus_', { customerId: '' }],
    ['customerId: should be the customer on whose behalf', { customerId: null }],
  ]
  test.each(table)('%s', (message, changes) => {
    const given = { ...input, customerId: CUSTOMER_ID, ...changes }
    const found = fault(() => readPlacement(given, staff))
    expect(found.code).toBe('BAD_USER_INPUT')
    expect(found.message).toContain(message)
  })

  test('never shows the card number that it refuses', () => {
    const found = fault(() => readPlacement({ ...input, ...tender({ token: '4111111111111111' }) }, customer))
    expect(found.message).not.toContain('4111')
  })
})

test.each([
  ['customerId', { customerId: 'cus_0190a5b2-7c1e-7000-8000-000000000002' }],
  ['customerId', { customerId: '' }],
  ['agreedShippingFee', { agreedShippingFee: money('1') }],
  ['adjustments', { adjustments: [{ label: 'x', amount: money('-1') }] }],
  ['lines.agreedUnitPrice', line({ agreedUnitPrice: money('1') })],
])('a customer may not give %s', (field, changes) => {
  expect(fault(() => readPlacement({ ...input, ...changes }, customer))).toEqual({
    code: 'FORBIDDEN',
    message: `${field}: only staff may give this; a customer leaves it out`,
  })
})

test('a customer orders for itself, and may name itself', () => {
  expect(readPlacement(input, customer).customerId).toBe(CUSTOMER_ID)
  expect(readPlacement({ ...input, customerId: CUSTOMER_ID }, customer).customerId).toBe(CUSTOMER_ID)
})

test('a full placement is converted to domain types, trimmed and in minor units', () => {
  const full: PlaceOrderInput = {
    ...input,
    customerId: CUSTOMER_ID,
    lines: [{ sku: 'MUG', quantity: 2, agreedUnitPrice: money('9.5') }],
    tenders: [{ kind: 'VOUCHER', token: 'vch_1', amount: money('19') }],
    deliveryAddress: { ...address, name: ' Ada ', line2: '', region: 'Greater London' },
    shippingOption: 'EXPRESS',
    deliveryInstructions: 'Ring twice',
    reference: 'PO-1',
    expectedTotal: money('20'),
    agreedShippingFee: money('0'),
    adjustments: [{ label: 'Interest', amount: money('1') }],
  }
  expect(readPlacement(full, staff)).toEqual({
    customerId: CUSTOMER_ID,
    lines: [{ sku: 'MUG', quantity: 2, agreedUnitPrice: usd(950) }],
    tenders: [{ kind: 'VOUCHER', token: 'vch_1', amount: usd(1900) }],
    deliveryAddress: { ...address, region: 'Greater London' },
    shippingOption: 'EXPRESS',
    instructions: 'Ring twice',
    reference: 'PO-1',
    expectedTotal: usd(2000),
    agreedShippingFee: usd(0),
    adjustments: [{ label: 'Interest', amount: usd(100) }],
  })
})

test('a command waits for up to ten seconds, and not at all by default', () => {
  expect([readSettleWithin(undefined), readSettleWithin(10_000)]).toEqual([0, 10_000])
  expect(fault(() => readSettleWithin(10_001)).message).toContain('settleWithinMs: should be')
})

test.each([undefined, null, '', ' '])('an address in a country without postal codes needs none: %j', code => {
  const { postalCode: _, ...rest } = address
  const deliveryAddress = { ...rest, country: 'HK', ...(code !== undefined && { postalCode: code }) }
  const read = readPlacement({ ...input, customerId: CUSTOMER_ID, deliveryAddress }, staff)
  expect(read.deliveryAddress).toEqual({ ...rest, country: 'HK' })
  const given = { ...deliveryAddress, postalCode: '999077' }
  const kept = readPlacement({ ...input, customerId: CUSTOMER_ID, deliveryAddress: given }, staff)
  expect(kept.deliveryAddress.postalCode).toBe('999077')
})
