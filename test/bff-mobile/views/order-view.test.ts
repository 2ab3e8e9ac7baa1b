import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { localizationFor } from '#bff-mobile/views/localization.ts'
import {
  headlineText,
  orderCard,
  orderScreen,
  productCard,
  type WholeOrder,
} from '#bff-mobile/views/order-view.ts'

const english = localizationFor('en-US')
const german = localizationFor('de')
const usd = (amount: string) => ({ amount, currency: 'USD' })

const CONFIRMED = { shippedQuantity: 0, deliveredQuantity: 0, lostQuantity: 0, returnedQuantity: 0 }

const ORDER: WholeOrder = {
  id: 'ord_1',
  number: 'W-1',
  status: 'CONFIRMED',
  awaitingApproval: false,
  cancellation: null,
  lines: [
    { sku: 'mug', title: 'Mug', quantity: 2, total: usd('24.00'), ...CONFIRMED },
    { sku: 'pen', title: 'Pen', quantity: 1, total: usd('3.00'), ...CONFIRMED },
    { sku: 'cup', title: 'Cup', quantity: 1, total: usd('9.00'), ...CONFIRMED },
  ],
  itemsTotal: usd('36.00'),
  shippingFee: usd('4.00'),
  adjustments: [],
  total: usd('40.00'),
  refunded: usd('0.00'),
  debts: [],
  placedAt: '2026-11-21T10:00:00.000Z',
  allowedActions: ['CANCEL'],
  customer: { id: 'cus_1' },
  payments: [
    { captured: usd('15.50'), refunded: usd('0.00') },
    { captured: usd('4.50'), refunded: usd('0.00') },
  ],
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
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
const cents = (minor: number) => usd((minor / 100).toFixed(2))
/** Reads "-$1,234.50" as a person does; in cents. */
const shownCents = (text: string) => Math.round(Number(text.replaceAll(/[$,]/g, '')) * 100)
const EARLY = '2026-11-24T10:00:00.000Z'
const LATE = '2026-11-26T10:00:00.000Z'
const sent = (counts: Partial<typeof CONFIRMED>) => ({
  lines: ORDER.lines.map(line => ({ ...line, shippedQuantity: line.quantity, ...counts })),
})
const headline = (order: Partial<WholeOrder>, texts = english, timeZone = 'UTC') =>
  headlineText(orderScreen({ ...ORDER, ...order }, {}, texts).headline, texts, timeZone)

describe("an order's screen", () => {
  test('consists of texts that are ready to be shown', () => {
    expect(orderScreen(ORDER, {}, english)).toEqual({
      id: 'ord_1',
      number: 'W-1',
      status: 'Confirmed',
      tone: 'ACTIVE',
      placedAt: '2026-11-21T10:00:00.000Z',
      headline: { text: 'Confirmed', expectedAt: null, remarks: [] },
      lines: [
        { sku: 'mug', title: 'Mug', quantity: 2, total: '$24.00' },
        { sku: 'pen', title: 'Pen', quantity: 1, total: '$3.00' },
        { sku: 'cup', title: 'Cup', quantity: 1, total: '$9.00' },
      ],
      items: '$36.00',
      shipping: '$4.00',
      adjustments: [],
      total: '$40.00',
      paid: '$20.00',
      refunded: null,
      parcels: [],
      actions: ['CANCEL'],
      notices: [],
    })
  })

  test('of an order that was lost and refunded says neither Delivered nor paid', () => {
    const screen = orderScreen(
      {
        ...ORDER,
        lines: ORDER.lines.map(line => ({
          ...line,
          shippedQuantity: line.quantity,
          lostQuantity: line.quantity,
        })),
        status: 'COMPLETED',
        refunded: usd('40.00'),
        payments: [{ captured: usd('40.00'), refunded: usd('40.00') }],
        shipments: [shipment('LOST', LATE)],
      },
      {},
      english,
    )
    expect(screen).toMatchObject({
      status: 'Lost on its way · $40.00 refunded',
      tone: 'PROBLEM',
      paid: '$0.00',
      refunded: '$40.00',
    })
    expect(headlineText(screen.headline, english, 'UTC')).toBe('Lost on its way · $40.00 refunded')
  })

  test('has a line for each adjustment, and adds up', () => {
    const amount = fc.integer({ min: 0, max: 10_000_000 })
    const adjustment = fc.record({
      label: fc.constantFrom('Spring sale', 'VAT', 'Gift wrapping', 'Voucher'),
      minor: fc.integer({ min: -1_000_000, max: 1_000_000 }),
    })
    fc.assert(
      fc.property(
        fc.array(amount, { maxLength: 20 }),
        amount,
        fc.array(adjustment, { maxLength: 20 }),
        (lines, fee, adjustments) => {
          const items = sum(lines)
          const adjusted = sum(adjustments.map(({ minor }) => minor))
          const order: WholeOrder = {
            ...ORDER,
            lines: lines.map(minor => ({
              ...CONFIRMED,
              sku: 'mug',
              title: 'Mug',
              quantity: 1,
              total: cents(minor),
            })),
            itemsTotal: cents(items),
            shippingFee: cents(fee),
            adjustments: adjustments.map(({ label, minor }) => ({ label, amount: cents(minor) })),
            total: cents(items + fee + adjusted),
          }
          const screen = orderScreen(order, {}, english)
          expect(sum(screen.lines.map(({ total }) => shownCents(total)))).toBe(shownCents(screen.items))
          expect(screen.adjustments.map(({ label }) => label)).toEqual(adjustments.map(({ label }) => label))
          const parts = [screen.items, screen.shipping, ...screen.adjustments.map(entry => entry.amount)]
          expect(sum(parts.map(shownCents))).toBe(shownCents(screen.total))
        },
      ),
    )
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
        expectedAt: LATE,
      },
    ])
  })

  test.each(['DELIVERED', 'LOST', 'CANCELLED', 'REFUSED'] as const)(
    'shows no expected date for a parcel that is %s',
    status => {
      const { parcels } = orderScreen({ ...ORDER, shipments: [shipment(status, LATE)] }, {}, english)
      expect(parcels?.[0]?.expectedAt).toBeNull()
    },
  )

  test.each<[string, Partial<WholeOrder>, string]>([
    ['its status, while nothing is on its way', {}, 'Confirmed'],
    [
      'an order that waits for its payment',
      { status: 'PLACED', awaitingApproval: true },
      'Waiting for your payment',
    ],
    [
      'the day of the last parcel',
      { status: 'SHIPPED', shipments: [shipment('IN_TRANSIT', LATE), shipment('LABELLED', EARLY)] },
      'Expected Nov 26, 2026',
    ],
    [
      'parcels that are still to come, only',
      { status: 'SHIPPED', shipments: [shipment('DELIVERED', LATE), shipment('IN_TRANSIT', EARLY)] },
      'Expected Nov 24, 2026',
    ],
    [
      'a lost parcel, without a day',
      { status: 'SHIPPED', ...sent({}), shipments: [shipment('LOST', LATE)] },
      'On its way',
    ],
    [
      'refused or cancelled parcels, without a day',
      { shipments: [shipment('CANCELLED', LATE), shipment('REFUSED', LATE)] },
      'Confirmed',
    ],
    [
      'a cancelled order, with the reason',
      {
        status: 'CANCELLED',
        cancellation: { reason: 'OUT_OF_STOCK' },
        shipments: [shipment('LABELLED', LATE)],
      },
      'Cancelled: sold out',
    ],
  ])('has a headline for %s', (_what, order, text) => {
    expect(headline(order)).toBe(text)
  })

  test('has a headline with a day in the requested time zone', () => {
    const shipments = [shipment('IN_TRANSIT', '2026-11-26T22:30:00.000Z')]
    const order = { status: 'SHIPPED' as const, ...sent({}), shipments }
    expect(headline(order)).toBe('Expected Nov 26, 2026')
    expect(headline(order, english, 'Europe/Berlin')).toBe('Expected Nov 26, 2026')
    expect(headline(order, english, 'Asia/Tokyo')).toBe('Expected Nov 27, 2026')
  })

  test('says in each language why the order does not come', () => {
    const cancelled = { cancellation: { reason: 'PAYMENT_DECLINED' as const } }
    const texts = ['en', 'de', 'pt'].map(locale => headline(cancelled, localizationFor(locale)))
    expect(new Set(texts).size).toBe(3)
    expect(texts[1]).toBe('Storniert: Ihre Zahlung wurde abgelehnt')
  })
})

describe('a screen with a missing section', () => {
  const partial = { ...ORDER, payments: null, shipments: null }

  test('is served, and says what is missing in the language of the user', () => {
    const screen = orderScreen(partial, { PAYMENTS: 'INTERNAL' }, german)
    expect(screen).toMatchObject({ total: german.money(ORDER.total), paid: null, parcels: null })
    expect(screen.notices).toEqual([
      { section: 'PAYMENTS', code: 'INTERNAL', message: german.translations.notice.PAYMENTS },
      { section: 'SHIPMENTS', code: 'UNAVAILABLE', message: german.translations.notice.SHIPMENTS },
    ])
    expect(german.translations.notice.PAYMENTS).not.toBe(english.translations.notice.PAYMENTS)
  })

  test('has no notice for sections that are present', () => {
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
  ])('with %s lines has the title %j', (count, inEnglish, inGerman) => {
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
