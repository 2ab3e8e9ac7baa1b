import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Scope } from '#bff/order-feed/change.ts'
import { decodeCursor, encodeCursor } from '#bff/order-feed/cursor.ts'
import { newId } from '#platform/domain/ids.ts'

const position = fc.maxSafeNat()
const vector = fc.record({ orders: position, inventory: position, payment: position, shipping: position })
const scope: fc.Arbitrary<Scope> = fc.oneof(
  fc.constant({ all: true } as const),
  fc.string().map(order => ({ order })),
  fc.string().map(customer => ({ customer })),
)
const refusal = (cursor: string) => ({ code: 'BAD_USER_INPUT', details: { cursor } })

function refusalOf(of: Scope, text: string): unknown {
  try {
    return decodeCursor(of, text)
  } catch (error) {
    return error
  }
}

describe('a cursor', () => {
  test('holds its positions in less than 64 URL-safe characters', () => {
    fc.assert(
      fc.property(scope, vector, (of, positions) => {
        const text = encodeCursor(of, positions)
        expect(text).toMatch(/^[\w-]{1,63}$/)
        expect(decodeCursor(of, text)).toEqual(positions)
      }),
    )
  })

  test('is short while its positions are small', () => {
    const positions = { orders: 90_000, inventory: 80_000, payment: 70_000, shipping: 60_000 }
    expect(encodeCursor({ order: newId('order') }, positions).length).toBeLessThan(30)
  })

  test('treats a missing topic as one at its beginning', () => {
    const none = { orders: 0, inventory: 0, payment: 0, shipping: 0 }
    expect(decodeCursor({ all: true }, encodeCursor({ all: true }, {}))).toEqual(none)
  })

  test('is valid for its own scope only', () => {
    const ours = { customer: 'cus_1' }
    const text = encodeCursor(ours, { orders: 7 })
    for (const other of [{ customer: 'cus_2' }, { order: 'cus_1' }, { all: true }] as const)
      expect(refusalOf(other, text)).toMatchObject(refusal('foreign'))
  })

  test('is refused as malformed when it is anything else', () => {
    const good = encodeCursor({ all: true }, { orders: 7, payment: 400 })
    const cases = [
      '',
      'x',
      '!',
      good.slice(1),
      good.slice(0, -1),
      `${good}A`,
      `${good}=`,
      ` ${good}`,
      'A'.repeat(10_000),
    ]
    for (const text of cases) expect(refusalOf({ all: true }, text), text).toMatchObject(refusal('junk'))
    fc.assert(
      fc.property(fc.string(), text => {
        expect(refusalOf({ all: true }, text)).toMatchObject(refusal('junk'))
      }),
    )
  })

  test('is refused as malformed when one of its characters is changed', () => {
    const good = encodeCursor({ all: true }, { orders: 7, payment: 400 })
    for (let index = 0; index < good.length; index++) {
      const other = good[index] === 'b' ? 'c' : 'b'
      const text = good.slice(0, index) + other + good.slice(index + 1)
      expect(refusalOf({ all: true }, text), text).toMatchObject(refusal('junk'))
    }
  })
})
