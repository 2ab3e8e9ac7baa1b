import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatToken, parseToken } from '#platform/consistency/consistency-token.ts'
import { mergePositions } from '#platform/consistency/position-vector.ts'

const token = fc.dictionary(
  fc.constantFrom('orders', 'inventory', 'payment', 'shipping'),
  fc.integer({ min: 1, max: 10 ** 12 }),
  { noNullPrototype: true },
)

describe('a consistency token', () => {
  it('survives its text form', () => {
    fc.assert(
      fc.property(token, value => {
        expect(parseToken(formatToken(value))).toEqual(value)
      }),
    )
    expect(formatToken({ payment: 7, orders: 12 })).toBe('orders=12,payment=7')
  })

  it('merges to the greatest position of each service', () => {
    expect([{ orders: 3, payment: 9 }, { orders: 5 }, {}].reduce(mergePositions)).toEqual({
      orders: 5,
      payment: 9,
    })
  })

  it('leaves out what makes no sense, and never throws', () => {
    expect(parseToken('orders=12, junk ,payment=-1,shipping=x,=3,orders=7')).toEqual({ orders: 12 })
    expect(parseToken(undefined)).toEqual({})
    fc.assert(fc.property(fc.string(), text => void parseToken(text)))
  })

  it('is bounded, whatever a client sends', () => {
    const long = Array.from({ length: 1000 }, (_, index) => `s${index}=1`).join(',')
    expect(Object.keys(parseToken(long)).length).toBeLessThanOrEqual(16)
    expect(parseToken(`orders=${'9'.repeat(400)}`)).toEqual({})
  })
})
