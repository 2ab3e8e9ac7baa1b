// Tests the pricing of an order: lines, fee, adjustments, tenders, and every refusal.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_MINOR } from '#platform/domain/money.ts'
import {
  isAmple,
  type OrderRequest,
  type PricedProduct,
  priceItems,
  priceOrder,
} from '#subgraphs/orders/domain/pricing.ts'
import { CUSTOMER_ID, placement, usd } from '#test/subgraphs/orders/domain/order-fixture.ts'

const dimensions = { lengthCm: 20, widthCm: 10, heightCm: 5 }

function product(sku: string, minor: number, changes: Partial<PricedProduct> = {}): [string, PricedProduct] {
  return [
    sku,
    { sku, title: `${sku}!`, price: usd(minor), weightGrams: 100, dimensions, available: 10, ...changes },
  ]
}

const products = new Map([product('MUG', 1000), product('POT', 2500, { available: 2 })])
const eur = { minor: 100, currency: 'EUR' }

function request(changes: Partial<OrderRequest> = {}): OrderRequest {
  return {
    customerId: CUSTOMER_ID,
    lines: [
      { sku: 'MUG', quantity: 3 },
      { sku: 'POT', quantity: 2 },
    ],
    tenders: [{ kind: 'CARD', token: 'tok' }],
    deliveryAddress: placement().deliveryAddress,
    shippingOption: 'STANDARD',
    adjustments: [],
    ...changes,
  }
}

test.each([
  [99, false],
  [100, true],
])(
  'stock is ample from ten times the units of the moment’s orders on: %i of 10 is %s',
  (available, expected) => {
    const stock = new Map([
      product('MUG', 1000, { available: 1_000_000 }),
      product('PEN', 1000, { available }),
    ])
    const demand = new Map([
      ['MUG', 1],
      ['PEN', 10],
    ])
    expect(isAmple(stock, demand)).toBe(expected)
  },
)

describe('items', () => {
  test('take title, price and weight from the products', () => {
    expect(priceItems(request(), products)).toEqual({
      priced: {
        lines: [
          { lineNo: 1, sku: 'MUG', title: 'MUG!', quantity: 3, unitPrice: usd(1000), weightGrams: 100 },
          { lineNo: 2, sku: 'POT', title: 'POT!', quantity: 2, unitPrice: usd(2500), weightGrams: 100 },
        ],
        total: usd(8000),
        goods: [
          { quantity: 3, weightGrams: 100, dimensions },
          { quantity: 2, weightGrams: 100, dimensions },
        ],
      },
    })
  })

  test('take an agreed price instead of the catalogue', () => {
    const lines = [{ sku: 'MUG', quantity: 2, agreedUnitPrice: usd(1) }]
    expect(priceItems(request({ lines }), products)).toMatchObject({ priced: { total: usd(2) } })
  })

  test('name every unknown product once', () => {
    const lines = [
      { sku: 'CUP', quantity: 1 },
      { sku: 'JAR', quantity: 1 },
      { sku: 'CUP', quantity: 1, agreedUnitPrice: usd(5) },
    ]
    expect(priceItems(request({ lines }), products)).toMatchObject({
      refused: { is: 'UnknownProduct', code: 'PRODUCT_UNKNOWN', skus: ['CUP', 'JAR'] },
    })
  })

  test('are refused when the lines of a product together exceed its stock', () => {
    const lines = [
      { sku: 'POT', quantity: 2 },
      { sku: 'POT', quantity: 1, agreedUnitPrice: usd(5) },
    ]
    expect(priceItems(request({ lines }), products)).toMatchObject({
      refused: { is: 'OutOfStock', shortages: [{ sku: 'POT', requested: 3, available: 2 }] },
    })
  })

  test('are in one currency', () => {
    const lines = [
      { sku: 'MUG', quantity: 1 },
      { sku: 'POT', quantity: 1, agreedUnitPrice: eur },
    ]
    expect(priceItems(request({ lines }), products)).toMatchObject({
      refused: { is: 'MixedCurrencies', currencies: ['USD', 'EUR'] },
    })
  })

  test('come to no more than the largest amount', () => {
    const lines = [{ sku: 'MUG', quantity: 2, agreedUnitPrice: usd(MAX_MINOR) }]
    expect(() => priceItems(request({ lines }), products)).toThrow(
      'lines[0]: comes to more than 90000000.00 USD',
    )
  })
})

/** A card that pays `minor`, or the rest. */
function tender(minor: number | undefined) {
  return { kind: 'CARD' as const, token: 'c', ...(minor !== undefined && { amount: usd(minor) }) }
}

describe('the order', () => {
  test('adds up items, fee and adjustments, and a tender without an amount pays the rest', () => {
    const tenders = [
      { kind: 'VOUCHER' as const, token: 'v', amount: usd(1000) },
      { kind: 'CARD' as const, token: 'c' },
    ]
    const adjustments = [{ label: 'Sale', amount: usd(-300) }]
    expect(priceOrder(request({ tenders, adjustments }), usd(8000), usd(500))).toEqual({
      priced: {
        total: usd(8200),
        tenders: [
          { kind: 'VOUCHER', token: 'v', amount: usd(1000) },
          { kind: 'CARD', token: 'c', amount: usd(7200) },
        ],
      },
    })
  })

  test('is refused with both amounts when the total differs from the expected one', () => {
    const found = priceOrder(request({ expectedTotal: usd(8000) }), usd(8000), usd(500))
    expect(found).toMatchObject({ refused: { is: 'TotalChanged', expected: usd(8000), actual: usd(8500) } })
    expect(priceOrder(request({ expectedTotal: usd(8500) }), usd(8000), usd(500))).toHaveProperty('priced')
  })

  test.each<[string, (number | undefined)[], string]>([
    [
      'too little',
      [8499],
      "The tenders come to 84.99 USD, 0.01 USD less than the order's 85.00 USD: raise an amount, or leave out one tender's amount so that it takes the rest.",
    ],
    [
      'too much',
      [8000, 501],
      "The tenders come to 85.01 USD, 0.01 USD more than the order's 85.00 USD: lower an amount.",
    ],
    [
      'more than all, and one without an amount',
      [9000, undefined],
      "The tenders come to 90.00 USD, 5.00 USD more than the order's 85.00 USD: lower an amount.",
    ],
    ['none', [], 'The order comes to 85.00 USD, and no tender pays for it: give one.'],
  ])('is refused when its tenders are %s, with a message on what to change', (_, amounts, message) => {
    expect(priceOrder(request({ tenders: amounts.map(tender) }), usd(8000), usd(500))).toMatchObject({
      refused: { is: 'TenderMismatch', total: usd(8500), message },
    })
  })

  test('charges nothing to the card when a voucher covers it', () => {
    const tenders = [8500, undefined].map(tender)
    expect(priceOrder(request({ tenders }), usd(8000), usd(500))).toEqual({
      priced: { total: usd(8500), tenders: tenders.slice(0, 1) },
    })
  })

  test('is in one currency: fee, adjustments and tenders too', () => {
    const mixed = { refused: { is: 'MixedCurrencies', currencies: ['USD', 'EUR'] } }
    expect(priceOrder(request(), usd(8000), eur)).toMatchObject(mixed)
    expect(priceOrder(request({ adjustments: [{ label: 'x', amount: eur }] }), usd(1), usd(1))).toMatchObject(
      mixed,
    )
    const tenders = [{ kind: 'CARD' as const, token: 'c', amount: eur }]
    expect(priceOrder(request({ tenders }), usd(1), usd(1))).toMatchObject(mixed)
  })

  test('needs no tender when it is free, and is malformed below zero', () => {
    const gift = (minor: number) => request({ adjustments: [{ label: 'Gift', amount: usd(minor) }] })
    const free = { priced: { total: usd(0), tenders: [] } }
    expect(priceOrder(gift(-8500), usd(8000), usd(500))).toEqual(free)
    expect(priceOrder({ ...gift(-8500), tenders: [] }, usd(8000), usd(500))).toEqual(free)
    expect(priceOrder({ ...gift(-8500), tenders: [tender(1)] }, usd(8000), usd(500))).toMatchObject({
      refused: {
        message: "The tenders come to 0.01 USD, 0.01 USD more than the order's 0.00 USD: lower an amount.",
      },
    })
    expect(() => priceOrder(gift(-8501), usd(8000), usd(500))).toThrow('adjustments:')
  })

  test('is refused unless the tenders add up to the total', () => {
    const minor = fc.integer({ min: 1, max: 5000 })
    const tenders = fc.array(fc.option(minor, { nil: undefined, freq: 4 }), { maxLength: 4 })
    fc.assert(
      fc.property(minor, minor, tenders, (items, fee, amounts) => {
        if (amounts.filter(amount => amount === undefined).length > 1) return
        const found = priceOrder(request({ tenders: amounts.map(tender) }), usd(items), usd(fee))
        const named = amounts.reduce<number>((sum, amount) => sum + (amount ?? 0), 0)
        const fits = amounts.includes(undefined) ? named <= items + fee : named === items + fee
        expect('priced' in found).toBe(fits)
        if ('refused' in found) {
          expect(found.refused.is).toBe('TenderMismatch')
          return
        }
        const paid = found.priced.tenders.reduce((sum, { amount }) => sum + amount.minor, 0)
        expect([paid, found.priced.total.minor]).toEqual([items + fee, items + fee])
        expect(found.priced.tenders.every(({ amount }) => amount.minor > 0)).toBe(true)
      }),
    )
  })
})
