import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeCursor, encodeCursor } from '#bff/order-feed/cursor.ts'
import {
  decodeSyncCursor,
  encodeSyncCursor,
  liveCursor,
  type SyncState,
} from '#bff-mobile/sync/sync-cursor.ts'

const ADA = 'cus_0190a5b2-7c1e-7000-8000-000000000001'
const EVE = 'cus_0190a5b2-7c1e-7000-8000-000000000002'
const ORDER = 'ord_0190a5b2-7c1e-7000-8000-0123456789ab'
const NOW = 1_800_000_000
const positions = { orders: 7, inventory: 6, payment: 5, shipping: 4 }
const state: SyncState = { positions, prunedTo: NOW - 60 }
const text = encodeSyncCursor(ADA, state)
const refusal = (cursor: string, customer = ADA) => {
  try {
    decodeSyncCursor(customer, cursor, NOW)
    return undefined
  } catch (error) {
    return error
  }
}

describe('the cursor of changesSince', () => {
  test('decodes to what it was made of, and is a short URL-safe text', () => {
    const position = fc.nat({ max: 2 ** 31 })
    fc.assert(
      fc.property(position, position, fc.boolean(), (orders, ago, isFilling) => {
        const made: SyncState = {
          positions: { ...positions, orders },
          prunedTo: Math.max(0, NOW - ago),
          ...(isFilling && { fillingSince: NOW }),
        }
        const encoded = encodeSyncCursor(ADA, made)
        expect(encoded).toMatch(/^[\w.-]{1,90}$/)
        expect(decodeSyncCursor(ADA, encoded, NOW)).toEqual(made)
      }),
    )
  })

  test.each([
    ['junk', 'junk'],
    ['nothing', ''],
    ['junk for a time', `${text.split('.')[0]}.!`],
    ['a time too many', `${text}.1.1`],
    ['a time to come', encodeSyncCursor(ADA, { positions, prunedTo: NOW + 90_000 })],
    ['the cursor of a subscription', encodeCursor({ customer: ADA }, positions)],
    ['a cursor of one order', `${encodeCursor({ order: ORDER }, positions)}.1`],
  ])('is refused when it is %s', (_what, cursor) => {
    expect(refusal(cursor)).toMatchObject({ code: 'BAD_USER_INPUT' })
  })

  test('is refused when it belongs to another customer', () => {
    expect(refusal(text)).toBeUndefined()
    expect(refusal(text, EVE)).toMatchObject({ code: 'BAD_USER_INPUT' })
  })

  test('starts a subscription to all orders, or to one of them', () => {
    const all = liveCursor(text, { customer: ADA }, ADA)
    expect(decodeCursor({ customer: ADA }, all)).toEqual(positions)
    const one = liveCursor(text, { order: ORDER }, ADA)
    expect(decodeCursor({ order: ORDER }, one)).toEqual(positions)
    expect(liveCursor(one, { order: ORDER }, ADA)).toBe(one)
    expect(() => liveCursor(text, { order: ORDER }, EVE)).toThrow(/belongs to another/)
  })
})
