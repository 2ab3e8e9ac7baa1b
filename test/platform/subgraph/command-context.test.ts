// An idempotency key names one command of one caller, and is compared character for character.
import { expect, test } from 'vitest'
import type { Viewer } from '#platform/auth/viewer.ts'
import { commandContext } from '#platform/subgraph/command-context.ts'

const ada: Viewer = { role: 'customer', subject: 'cus_ada' }
const meta = { correlationId: 'r' }

function keyOf(viewer: Viewer, idempotencyKey: string, mutation = 'placeOrder'): string {
  return commandContext({ viewer, meta }, { mutation, idempotencyKey, body: {} }).key
}

test('a key belongs to its caller and its mutation', () => {
  expect(keyOf(ada, 'k')).toBe('cus_ada:placeOrder:k')
  expect(keyOf({ role: 'ops', subject: 'olga' }, 'k')).toBe('olga:placeOrder:k')
  expect(keyOf(ada, 'k', 'cancelOrder')).toBe('cus_ada:cancelOrder:k')
})

test('services share their keys', () => {
  expect(keyOf({ role: 'service', subject: 'orders' }, 'k', 'voidPayment')).toBe('service:voidPayment:k')
})

test('white space around a key is part of it', () => {
  expect(keyOf(ada, ' k ')).toBe('cus_ada:placeOrder: k ')
})

test.each([
  ['', 'idempotencyKey: should be 1 to 200 characters; got ""'],
  ['k'.repeat(201), `idempotencyKey: should be 1 to 200 characters; got "${'k'.repeat(59)}`],
  ['k\0', 'idempotencyKey: should be text without control characters'],
  ['\ud800', 'idempotencyKey: should be text without control characters'],
])('the key %j is refused', (idempotencyKey, message) => {
  expect(() => keyOf(ada, idempotencyKey)).toThrow(
    expect.objectContaining({ code: 'BAD_USER_INPUT', message }),
  )
})

test('a caller without a token has no keys', () => {
  const call = { mutation: 'placeOrder', idempotencyKey: 'k', body: {} }
  expect(() => commandContext({ viewer: undefined, meta }, call)).toThrow(
    expect.objectContaining({ code: 'UNAUTHENTICATED' }),
  )
})
