import { describe, expect, test } from 'vitest'
import { orderCard, orderScreen, productCard, type WholeOrder } from '#bff-mobile/screens.ts'
import { textsFor } from '#bff-mobile/texts.ts'

const english = textsFor('en-US')
const german = textsFor('de')
const usd = (amount: string) => ({ amount, currency: 'USD' })

const ORDER: WholeOrder = {
  id: 'ord_1',
  number: 'W-1',
  status: 'CONFIRMED',
  awaitingApproval: false,
  cancellation: null,
  lines: [
    { sku: 'mug', title: 'Mug', quantity: 2, total: usd('24.00') },
    { sku: 'pen', title: 'Pen', quantity: 1, total: usd('3.00') },
    { sku: 'cup', title: 'Cup', quantity: 1, total: usd('9.00') },
  ],
  itemsTotal: usd('36.00'),
  shippingFee: usd('4.00'),
  total: usd('40.00'),
  placedAt: '2026-11-21T10:00:00.000Z',
  allowedActions: ['CANCEL'],
  customer: { id: 'cus_1' },
  payments: [{ captured: usd('15.50') }, { captured: usd('4.50') }],
  shipments: [],
}

type Shipment = NonNullable<WholeOrder['shipments']>[number]
const shipment = (status: Shipment['status'], estimatedDelivery: string | null): Shipment => ({
  id: `shp_${status}`,
  status,
  trackingNumber: null,
  estimatedDelivery,
  tracking: [],
})
const EARLY = '2026-11-24T10:00:00.000Z'
const LATE = '2026-11-26T10:00:00.000Z'
const headline = (order: Partial<WholeOrder>, texts = english) =>
  orderScreen({ ...ORDER, ...order }, {}, texts).headline

describe("an order's screen", () => {
  test('is text, ready to be shown', () => {
    expect(orderScreen(ORDER, {}, english)).toEqual({
      id: 'ord_1',
      number: 'W-1',
      status: 'Confirmed',
      tone: 'ACTIVE',
      placed: 'Nov 21, 2026',
      headline: 'Confirmed',
      lines: [
        { sku: 'mug', title: 'Mug', quantity: 2, total: '$24.00' },
        { sku: 'pen', title: 'Pen', quantity: 1, total: '$3.00' },
        { sku: 'cup', title: 'Cup', quantity: 1, total: '$9.00' },
      ],
      items: '$36.00',
      shipping: '$4.00',
      total: '$40.00',
      paid: '$20.00',
      parcels: [],
      actions: ['CANCEL'],
      notices: [],
    })
  })

  test('shows each parcel with its newest event', () => {
    const tracking = [
      { text: 'Collected', at: EARLY },
      { text: 'In the depot', at: LATE },
    ]
    const parcel = { ...shipment('IN_TRANSIT', LATE), trackingNumber: 'SB1', tracking }
    expect(orderScreen({ ...ORDER, shipments: [parcel] }, {}, german).parcels).toEqual([
      {
        id: 'shp_IN_TRANSIT',
        status: 'Unterwegs',
        trackingNumber: 'SB1',
        latest: 'In the depot',
        expected: '26.11.2026',
      },
    ])
  })

  test.each<[string, Partial<WholeOrder>, string]>([
    ['how it stands, while nothing is on its way', {}, 'Confirmed'],
    [
      'that a payment is waited for',
      { status: 'PLACED', awaitingApproval: true },
      'Waiting for your payment',
    ],
    [
      'when the last parcel comes',
      { status: 'SHIPPED', shipments: [shipment('IN_TRANSIT', LATE), shipment('LABELLED', EARLY)] },
      'Expected Nov 26, 2026',
    ],
    [
      'only what is still to come',
      { status: 'SHIPPED', shipments: [shipment('DELIVERED', LATE), shipment('IN_TRANSIT', EARLY)] },
      'Expected Nov 24, 2026',
    ],
    [
      'no day for a parcel that is lost',
      { status: 'SHIPPED', shipments: [shipment('LOST', LATE)] },
      'On its way',
    ],
    [
      'no day for parcels that were refused or cancelled',
      { shipments: [shipment('CANCELLED', LATE), shipment('REFUSED', LATE)] },
      'Confirmed',
    ],
    [
      'why it does not come',
      {
        status: 'CANCELLED',
        cancellation: { reason: 'OUT_OF_STOCK' },
        shipments: [shipment('LABELLED', LATE)],
      },
      'Cancelled: sold out',
    ],
  ])('has for a headline %s', (_what, order, text) => {
    expect(headline(order)).toBe(text)
  })

  test('tells in each language why it does not come', () => {
    const cancelled = { cancellation: { reason: 'PAYMENT_DECLINED' as const } }
    const texts = ['en', 'de', 'pt'].map(locale => headline(cancelled, textsFor(locale)))
    expect(new Set(texts).size).toBe(3)
    expect(texts[1]).toBe('Storniert: Ihre Zahlung wurde abgelehnt')
  })
})

describe('a screen of which a part is missing', () => {
  const partial = { ...ORDER, payments: null, shipments: null }

  test('stands, and says what is missing in the language of the user', () => {
    const screen = orderScreen(partial, { PAYMENTS: 'INTERNAL' }, german)
    expect(screen).toMatchObject({ total: german.money(ORDER.total), paid: null, parcels: null })
    expect(screen.notices).toEqual([
      { section: 'PAYMENTS', code: 'INTERNAL', message: german.words.notice.PAYMENTS },
      { section: 'SHIPMENTS', code: 'UNAVAILABLE', message: german.words.notice.SHIPMENTS },
    ])
    expect(german.words.notice.PAYMENTS).not.toBe(english.words.notice.PAYMENTS)
  })

  test('has no notice of what is there', () => {
    const screen = orderScreen({ ...ORDER, shipments: null }, { SHIPMENTS: 'UNAVAILABLE' }, english)
    expect(screen.notices.map(({ section }) => section)).toEqual(['SHIPMENTS'])
    expect(headline({ shipments: null })).toBe('Confirmed')
  })
})

describe("an order's card", () => {
  test.each([
    [3, 'Mug and 2 more', 'Mug und 2 weitere'],
    [1, 'Mug', 'Mug'],
    [0, '', ''],
  ])('with %s lines is titled %j', (count, inEnglish, inGerman) => {
    const order = { ...ORDER, lines: ORDER.lines.slice(0, count) }
    expect(orderCard(order, english).title).toBe(inEnglish)
    expect(orderCard(order, german).title).toBe(inGerman)
  })
})

describe("a product's card", () => {
  test.each([
    ['IN_STOCK', 'In stock', true],
    ['LOW_STOCK', 'Only a few left', true],
    ['OUT_OF_STOCK', 'Sold out', false],
  ] as const)('says whether it can be ordered: %s', (availability, stock, canOrder) => {
    const product = { sku: 'mug', title: 'Mug', price: usd('12.00'), availability }
    expect(productCard(product, english)).toEqual({
      sku: 'mug',
      title: 'Mug',
      price: '$12.00',
      stock,
      canOrder,
    })
  })
})
