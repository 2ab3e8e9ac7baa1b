// Tests the tariff: whole numbers, every currency, and prices that rise with weight, distance and speed.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CURRENCIES, MAX_MINOR } from '#platform/domain/money.ts'
import {
  chargeableGrams,
  deliveryDays,
  type Goods,
  MAX_WEIGHT_GRAMS,
  quote,
  quoteGoods,
} from '#subgraphs/shipping/domain/tariff.ts'

const parcel = { country: 'DE', weightGrams: 800, option: 'STANDARD', currency: 'EUR' } as const
const currency = fc.constantFrom(...Object.keys(CURRENCIES))
const option = fc.constantFrom('STANDARD' as const, 'EXPRESS' as const)
const country = fc.constantFrom('DE', 'BR', 'FR', 'SE', 'US', 'CA', 'JP', 'NA')
const grams = fc.integer({ min: 1, max: MAX_WEIGHT_GRAMS })
const minor = (asked: Parameters<typeof quote>[0]): number => quote(asked)?.fee.minor ?? 0

describe('quote', () => {
  test.each([
    ['a light parcel at home', parcel, 490, 'EUR', 2],
    ['the upper end of a bracket', { ...parcel, weightGrams: 1_000 }, 490, 'EUR', 2],
    ['one gram more', { ...parcel, weightGrams: 1_001 }, 590, 'EUR', 2],
    ['express', { ...parcel, option: 'EXPRESS' as const }, 1_078, 'EUR', 1],
    ['at home in Brazil', { ...parcel, country: 'BR', currency: 'BRL' }, 2_940, 'BRL', 2],
    ['a currency without decimals', { ...parcel, currency: 'JPY' }, 809, 'JPY', 2],
    ['a currency with three', { ...parcel, currency: 'KWD' }, 1_642, 'KWD', 2],
    ['a country in no list', { ...parcel, country: 'NA' }, 2_390, 'EUR', 15],
    ['two parcels', { ...parcel, weightGrams: 31_501 }, 2_390 + 390, 'EUR', 2],
    ['two full parcels', { ...parcel, weightGrams: 63_000 }, 4_780, 'EUR', 2],
  ])('%s', (_, asked, amount, inCurrency, days) => {
    expect(quote(asked)).toEqual({ fee: { minor: amount, currency: inCurrency }, days })
  })

  test('is undefined for a country that the carrier does not serve', () => {
    expect(quote({ ...parcel, country: 'AQ' })).toBeUndefined()
    expect(deliveryDays('AQ', 'STANDARD')).toBeUndefined()
  })

  test.each([0, -1, 1.5, MAX_WEIGHT_GRAMS + 1, Number.NaN])('a weight of %d is an error', weightGrams => {
    expect(() => quote({ ...parcel, weightGrams })).toThrow(RangeError)
  })

  test('an unknown currency is an error', () => {
    expect(() => quote({ ...parcel, currency: 'XXX' })).toThrow('unknown currency "XXX"')
  })

  test('is a whole, positive, acceptable amount in every currency', () => {
    fc.assert(
      fc.property(country, grams, option, currency, (to, weightGrams, by, inCurrency) => {
        const amount = minor({ country: to, weightGrams, option: by, currency: inCurrency })
        expect(Number.isSafeInteger(amount) && amount > 0 && amount <= MAX_MINOR).toBe(true)
      }),
    )
  })

  test('never falls as the weight rises, and express is never cheaper or slower', () => {
    fc.assert(
      fc.property(country, grams, grams, currency, (to, one, other, inCurrency) => {
        const at = (weightGrams: number) => ({ ...parcel, country: to, weightGrams, currency: inCurrency })
        const [light, heavy] = [Math.min(one, other), Math.max(one, other)]
        expect(minor(at(light))).toBeLessThanOrEqual(minor(at(heavy)))
        expect(minor({ ...at(one), option: 'EXPRESS' })).toBeGreaterThan(minor(at(one)))
        expect(deliveryDays(to, 'EXPRESS')).toBeLessThanOrEqual(deliveryDays(to, 'STANDARD') ?? 0)
      }),
    )
  })
})

test('a bulky unit is charged by its size, a heavy one by its weight', () => {
  const dimensions = { lengthCm: 50, widthCm: 40, heightCm: 30 }
  expect(chargeableGrams({ weightGrams: 500, dimensions })).toBe(12_000)
  expect(chargeableGrams({ weightGrams: 20_000, dimensions })).toBe(20_000)
  expect(chargeableGrams({ weightGrams: 1, dimensions: { lengthCm: 1, widthCm: 1, heightCm: 1 } })).toBe(1)
  expect(chargeableGrams({ weightGrams: 500 })).toBe(500)
})

describe('the price of goods', () => {
  const { weightGrams: _, ...to } = parcel
  const box: Goods = {
    quantity: 1,
    weightGrams: 300,
    dimensions: { lengthCm: 50, widthCm: 40, heightCm: 30 },
  }
  const tea: Goods = { quantity: 3, weightGrams: 100, dimensions: { lengthCm: 5, widthCm: 5, heightCm: 5 } }

  test('covers all units together, each charged by its weight or its size', () => {
    expect(quoteGoods({ ...to, goods: [box] })).toEqual(quote({ ...to, weightGrams: 12_000 }))
    expect(quoteGoods({ ...to, goods: [tea, box] })).toEqual(quote({ ...to, weightGrams: 12_300 }))
    expect(quoteGoods({ ...to, goods: [tea, box] })).toEqual(quoteGoods({ ...to, goods: [box, tea] }))
  })

  test('is refused with a code for an unserved country and beyond the maximum weight', () => {
    expect(quoteGoods({ ...to, country: 'AQ', goods: [tea] })).toMatchObject({
      refused: { code: 'COUNTRY_NOT_SERVED', message: 'Nothing is shipped to AQ.' },
    })
    expect(quoteGoods({ ...to, goods: [{ ...box, quantity: 84 }] })).toMatchObject({
      refused: { code: 'TOO_HEAVY', message: expect.stringContaining('charged as 1008000 g') },
    })
    expect(quoteGoods({ ...to, goods: [{ ...box, quantity: 83 }] })).toHaveProperty('fee')
  })
})
