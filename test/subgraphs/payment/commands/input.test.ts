// Tests the input of payment's commands: malformed input is BAD_USER_INPUT, and a card number is never repeated.
import { describe, expect, test } from 'vitest'
import { newId } from '#platform/domain/ids.ts'
import type { AuthorisePaymentInput } from '#schema/generated/payment.ts'
import { readAuthorisation, readMovement, readVoid } from '#subgraphs/payment/commands/input.ts'

const orderId = newId('order')
const amount = { amount: '19.99', currency: 'EUR' }
const input: AuthorisePaymentInput = {
  idempotencyKey: 'k',
  orderId,
  customerId: newId('customer'),
  amount,
  tenders: [{ kind: 'CARD', token: 'tok_approve', amount }],
}

function withToken(token: string): AuthorisePaymentInput {
  return { ...input, tenders: [{ kind: 'CARD', token, amount }] }
}

test('amounts are converted from decimals to minor units', () => {
  expect(readAuthorisation(input)).toMatchObject({
    amount: { minor: 1999, currency: 'EUR' },
    tenders: [{ token: 'tok_approve', amount: { minor: 1999, currency: 'EUR' } }],
  })
})

describe('a token that looks like a card number', () => {
  test.each([
    '4242424242424242',
    '4242 4242 4242 4242',
    '4242-4242-4242-4242',
    ' 378282246310005',
    '123456789012',
    '1234567890123456789',
  ])('%s is refused and not repeated', token => {
    let message = ''
    try {
      readAuthorisation(withToken(token))
    } catch (error) {
      message = String(error)
    }
    expect(message).toMatch(/looks like a card number/)
    expect(message.replace(/\D/g, '')).not.toContain(token.replace(/\D/g, ''))
  })

  test.each(['12345678901', '12345678901234567890', 'tok_4242424242424242'])('%s does not', token => {
    expect(readAuthorisation(withToken(token)).tenders).toHaveLength(1)
  })
})

test.each([
  ['no tenders', { ...input, tenders: [] }],
  [
    'more than twenty tenders',
    { ...input, tenders: Array.from({ length: 21 }, () => ({ kind: 'CARD' as const, token: 't', amount })) },
  ],
  ['an order id of another kind', { ...input, orderId: newId('payment') }],
  ['no customer', { ...input, customerId: '' }],
  ['an empty token', withToken('')],
  ['an amount of nothing', { ...input, amount: { amount: '0.00', currency: 'EUR' } }],
  ['an amount below zero', { ...input, amount: { amount: '-1.00', currency: 'EUR' } }],
  ['more decimals than the currency has', { ...input, amount: { amount: '1.00', currency: 'JPY' } }],
  ['an absurd amount', { ...input, amount: { amount: '999999999999', currency: 'EUR' } }],
])('%s is BAD_USER_INPUT', (_, bad) => {
  expect(() => readAuthorisation(bad)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }))
})

test('captures, refunds and voids are checked as well', () => {
  const bad = expect.objectContaining({ code: 'BAD_USER_INPUT' })
  expect(() => readMovement({ ...input, amount: { amount: '0', currency: 'EUR' } })).toThrow(bad)
  expect(() => readVoid({ idempotencyKey: 'k', orderId: 'ord_1' })).toThrow(bad)
})
