import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { localizationFor, negotiateLocale } from '#bff-mobile/views/localization.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { ShipmentStatus } from '#schema/generated/bff-mobile-operations.ts'

describe('negotiateLocale', () => {
  test.each([
    [undefined, 'en-US'],
    ['', 'en-US'],
    ['de', 'de'],
    ['de-AT', 'de-AT'],
    ['DE-at', 'de-AT'],
    ['pt-BR,pt;q=0.9,en;q=0.8', 'pt-BR'],
    ['fr-FR, fr;q=0.9, de;q=0.8, en;q=0.7', 'de'],
    ['en;q=0.1, de;q=0.9', 'de'],
    ['en ; q=0.1 , de ;Q=0.9', 'de'],
    ['en;q=0.5, de;q=0.5', 'en'],
    ['de;q=0, pt;q=0.1', 'pt'],
    ['de;q=high, pt', 'pt'],
    ['ja, zh-TW', 'en-US'],
    ['*', 'en-US'],
    ['*;q=0.5, de;q=0.1', 'de'],
    [';;;q=,,', 'en-US'],
    ['de_DE', 'en-US'],
    [`${'xx,'.repeat(19)}de`, 'de'],
    [`${'xx,'.repeat(20)}de`, 'en-US'],
  ])('turns %j into %s', (header, locale) => {
    expect(negotiateLocale(header)).toBe(locale)
  })

  test('never throws, and always returns a locale with translations', () => {
    const part = fc.oneof(
      fc.constantFrom('de', 'pt-BR', 'en-GB', 'xx', '*', ';q=', ';q=0.5', ',', ' ', '-', 'u-nu-thai'),
      fc.string({ maxLength: 8 }),
      fc.string({ unit: 'binary', maxLength: 8 }),
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), parts => {
        const locale = negotiateLocale(parts.join(''))
        expect(locale).toMatch(/^(en|de|pt)\b/)
        const texts = localizationFor(locale)
        expect(texts.money({ amount: '1.00', currency: 'EUR' })).not.toBe('')
        expect(texts.date('2026-11-21T10:00:00.000Z', 'UTC')).not.toBe('')
      }),
    )
  })
})

/** Intl puts no-break spaces between number and currency. */
const plain = (text: string) => text.replaceAll(/[\u00a0\u202f]/g, ' ')

describe('money', () => {
  test.each([
    ['en-US', '1234.56', 'USD', '$1,234.56'],
    ['en-GB', '1234.56', 'GBP', '£1,234.56'],
    ['de', '1234.56', 'EUR', '1.234,56 €'],
    ['pt-BR', '1234.56', 'BRL', 'R$ 1.234,56'],
    ['en-US', '1234', 'JPY', '¥1,234'],
    ['en-US', '0.00', 'USD', '$0.00'],
    ['de', '-12.50', 'EUR', '-12,50 €'],
  ])('in %s: %s %s is written %s', (locale, amount, currency, text) => {
    expect(plain(localizationFor(locale).money({ amount, currency }))).toBe(text)
  })

  test('keeps every digit of any amount', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 10n ** 30n }),
        fc.integer({ min: 0, max: 99 }),
        (units, cents) => {
          const amount = `${units}.${String(cents).padStart(2, '0')}`
          const text = localizationFor('en-US').money({ amount, currency: 'USD' })
          expect(text.replaceAll(/[$,]/g, '')).toBe(amount)
        },
      ),
    )
  })
})

describe('dates', () => {
  test.each([
    ['en-US', 'Nov 21, 2026'],
    ['en-GB', '21 Nov 2026'],
    ['de', '21.11.2026'],
    ['pt-BR', '21 de nov. de 2026'],
  ])('in %s are written like %s, in UTC wherever the server runs', (locale, text) => {
    expect(localizationFor(locale).date('2026-11-21T00:00:00.000Z', 'UTC')).toBe(text)
    expect(localizationFor(locale).date('2026-11-21T23:59:59.999Z', 'UTC')).toBe(text)
  })

  test.each([
    ['UTC', 'Nov 30, 2026'],
    ['Asia/Tokyo', 'Dec 1, 2026'],
    ['America/Los_Angeles', 'Nov 30, 2026'],
    ['+09:00', 'Dec 1, 2026'],
    ['-11:00', 'Nov 30, 2026'],
  ])('in the time zone %s are the days of that zone', (timeZone, text) => {
    expect(localizationFor('en-US').date('2026-11-30T15:44:40.531Z', timeZone)).toBe(text)
  })

  test.each(['', 'Tokyo', 'Europe/Berlin ', '+25:00', '\0', 'x'.repeat(5_000)])(
    'in the time zone %j are refused with its name',
    timeZone => {
      const date = () => localizationFor('en-US').date('2026-11-30T15:44:40.531Z', timeZone)
      expect(date).toThrow(CallerError)
      expect(date).toThrow(/^timeZone: should be a time zone such as Europe\/Berlin, .{1,120}$/)
    },
  )
})

const SHIPMENT_STATUSES: Readonly<Record<ShipmentStatus, true>> = {
  REQUESTED: true,
  LABELLED: true,
  REFUSED: true,
  CANCELLED: true,
  DISPATCHED: true,
  IN_TRANSIT: true,
  OUT_FOR_DELIVERY: true,
  DELIVERED: true,
  LOST: true,
}
const keysOf = <Key extends string>(record: Readonly<Record<Key, unknown>>) => Object.keys(record) as Key[]

describe.each(['en-US', 'de', 'pt-BR'])('in %s', locale => {
  const texts = localizationFor(locale)

  test('every status has a text, and none is the code', () => {
    const all = [
      ...Object.values(texts.translations.order),
      ...keysOf(SHIPMENT_STATUSES).map(status => texts.translations.shipment[status]),
    ]
    for (const text of all) expect(text).toMatch(/^\p{Lu}[\p{Ll} ]/u)
  })
})

test('languages have different texts', () => {
  const said = ['en-US', 'de', 'pt-BR'].map(locale => localizationFor(locale).translations.order.ON_ITS_WAY)
  expect(said).toEqual(['On its way', 'Unterwegs', 'A caminho'])
})
