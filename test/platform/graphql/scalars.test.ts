import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CURRENCIES, MAX_MINOR } from '#platform/domain/money.ts'
import { moneyIn, moneyOut, scalars } from '#platform/graphql/scalars.ts'

describe('Decimal', () => {
  it('is a string both ways', () => {
    expect(scalars.Decimal.parseValue('19.99')).toBe('19.99')
    expect(scalars.Decimal.serialize('-0.5')).toBe('-0.5')
  })

  it.each([19.99, 1, '1e3', '1,5', '.5', '', 'NaN', '1.23456', '12345678901234'])('refuses %j', value => {
    expect(() => scalars.Decimal.parseValue(value)).toThrow(/Decimal is text|not a decimal number/)
  })
})

describe('Currency', () => {
  it('is the code of a currency in use', () => {
    expect(scalars.Currency.parseValue('EUR')).toBe('EUR')
    for (const value of ['eur', 'XXX', 'toString', 978])
      expect(() => scalars.Currency.parseValue(value)).toThrow()
  })
})

describe('DateTime', () => {
  it('is a UTC instant inside, whatever the time zone of the input', () => {
    expect(scalars.DateTime.parseValue('2026-01-31T13:00:00+01:00')).toBe('2026-01-31T12:00:00.000Z')
    expect(scalars.DateTime.serialize(new Date(0))).toBe('1970-01-01T00:00:00.000Z')
  })

  it.each(['2026-01-31', '2026-01-31T12:00:00', '2026-02-30T12:00:00Z', '2026-13-01T00:00:00Z', 'now', 0])(
    'refuses %j',
    value => {
      expect(() => scalars.DateTime.parseValue(value)).toThrow(/instant|DateTime is text/)
    },
  )
})

describe('DateTime explains why it refuses a value', () => {
  it.each([
    ['2026-02-30T12:00:00Z', 'February 2026 has no day 30'],
    ['2025-02-29T12:00:00Z', 'February 2025 has no day 29'],
    ['2026-04-31T12:00:00+02:00', 'April 2026 has no day 31'],
    ['2026-01-31T12:00:00 01:00', 'is written %2B'],
    ['9999-12-31T23:59:59-05:00', 'outside of the years 0 to 9999'],
    ['0000-01-01T00:00:00+01:00', 'outside of the years 0 to 9999'],
  ])('of %s: %s', (value, why) => {
    expect(() => scalars.DateTime.parseValue(value)).toThrow(why)
    expect(() => scalars.DateTime.parseValue(value)).toThrow(JSON.stringify(value))
  })

  it('accepted values sort by time as strings', () => {
    const edge = fc.constantFrom('0000-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z', '2024-02-29T23:59:59Z')
    const some = fc.date({ min: new Date('0000-01-02'), max: new Date('9999-12-30'), noInvalidDate: true })
    const instant = fc.oneof(
      edge,
      some.map(date => date.toISOString()),
    )
    fc.assert(
      fc.property(instant, instant, (one, other) => {
        const [a, b] = [one, other].map(text => scalars.DateTime.parseValue(text))
        expect(Math.sign(String(a).localeCompare(String(b), 'en'))).toBe(
          Math.sign(Date.parse(one) - Date.parse(other)),
        )
      }),
    )
  })
})

describe('money', () => {
  it('is serialised and parsed again unchanged', () => {
    const money = fc.record({
      minor: fc.integer({ min: -MAX_MINOR, max: MAX_MINOR }),
      currency: fc.constantFrom(...Object.keys(CURRENCIES)),
    })
    fc.assert(
      fc.property(money, value => {
        expect(moneyIn(moneyOut(value))).toEqual(value)
      }),
    )
  })

  it('is refused as BAD_USER_INPUT when it does not fit its currency', () => {
    for (const input of [
      { amount: '1.5', currency: 'JPY' },
      { amount: '1.999', currency: 'EUR' },
      { amount: '1', currency: 'XXX' },
      { amount: '99999999999', currency: 'EUR' },
    ])
      expect(() => moneyIn(input)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }))
  })
})
