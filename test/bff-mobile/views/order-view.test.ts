import { describe, expect, test } from 'vitest'
import { localizationFor } from '#bff-mobile/views/localization.ts'
import type { ShipmentData } from '#bff-mobile/views/order-source.ts'
import { expectedAt, headlineOf, paidOf, statusOf, titleOf, toneOf } from '#bff-mobile/views/order-view.ts'
import type { OrderPartsFragment } from '#schema/generated/bff-mobile-operations.ts'

const english = localizationFor('en-US')
const german = localizationFor('de')
const usd = (amount: string) => ({ amount, currency: 'USD' })

const CONFIRMED = { shippedQuantity: 0, deliveredQuantity: 0, lostQuantity: 0, returnedQuantity: 0 }

const ORDER: OrderPartsFragment = {
  id: 'ord_1',
  number: 'W-1',
  reference: null,
  status: 'CONFIRMED',
  awaitingApproval: false,
  cancellationRequested: false,
  cancellation: null,
  lines: [
    { lineNo: 1, sku: 'mug', title: 'Mug', quantity: 2, ...CONFIRMED },
    { lineNo: 2, sku: 'pen', title: 'Pen', quantity: 1, ...CONFIRMED },
    { lineNo: 3, sku: 'cup', title: 'Cup', quantity: 1, ...CONFIRMED },
  ],
  total: usd('40.00'),
  refunded: usd('0.00'),
  debts: [],
  placedAt: '2026-11-21T10:00:00.000Z',
  updatedAt: '2026-11-21T10:00:00.000Z',
  customer: { id: 'cus_1' },
}

const shipment = (status: ShipmentData['status'], estimatedDelivery: string | null): ShipmentData => ({
  id: `shp_${status}`,
  status,
  trackingNumber: null,
  estimatedDelivery,
  lines: [],
  tracking: [],
})
const EARLY = '2026-11-24T10:00:00.000Z'
const LATE = '2026-11-26T10:00:00.000Z'
const sent = (counts: Partial<typeof CONFIRMED>) => ({
  lines: ORDER.lines.map(line => ({ ...line, shippedQuantity: line.quantity, ...counts })),
})
type Shown = Partial<OrderPartsFragment> & { readonly shipments?: readonly ShipmentData[] }
const headline = ({ shipments = [], ...order }: Shown, localization = english, timeZone = 'UTC') =>
  headlineOf({ ...ORDER, ...order }, shipments, { localization, timeZone })

describe('what a screen says of an order', () => {
  test('that was lost and refunded is neither Delivered nor paid', () => {
    const order: OrderPartsFragment = {
      ...ORDER,
      lines: ORDER.lines.map(line => ({
        ...line,
        shippedQuantity: line.quantity,
        lostQuantity: line.quantity,
      })),
      status: 'COMPLETED',
      refunded: usd('40.00'),
    }
    expect(statusOf(order, english)).toBe('Lost on its way · $40.00 refunded')
    expect(toneOf(order)).toBe('PROBLEM')
    expect(headlineOf(order, [shipment('LOST', LATE)], { localization: english, timeZone: 'UTC' })).toBe(
      'Lost on its way · $40.00 refunded',
    )
    expect(paidOf([{ captured: usd('40.00'), refunded: usd('40.00') }], order.total)).toEqual(usd('0.00'))
  })

  test('has in `paid` all that was taken, less what was given back', () => {
    const payments = [
      { captured: usd('15.50'), refunded: usd('1.25') },
      { captured: usd('4.50'), refunded: usd('0.00') },
    ]
    expect(paidOf(payments, ORDER.total)).toEqual(usd('18.75'))
    expect(paidOf([], ORDER.total)).toEqual(usd('0.00'))
  })

  test.each([
    [3, 'Mug and 2 more', 'Mug und 2 weitere'],
    [1, 'Mug', 'Mug'],
    [0, '', ''],
  ])('with %s lines has the title %j', (count, inEnglish, inGerman) => {
    const order = { ...ORDER, lines: ORDER.lines.slice(0, count) }
    expect(titleOf(order, english)).toBe(inEnglish)
    expect(titleOf(order, german)).toBe(inGerman)
  })
})

test.each(['DELIVERED', 'LOST', 'CANCELLED', 'REFUSED'] as const)(
  'a parcel that is %s is not expected any more',
  status => expect(expectedAt(shipment(status, LATE))).toBeNull(),
)

describe('the headline', () => {
  test.each<[string, Shown, string]>([
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
        cancellation: { reason: 'OUT_OF_STOCK', at: EARLY },
        shipments: [shipment('LABELLED', LATE)],
      },
      'Cancelled: sold out',
    ],
  ])('is there for %s', (_what, order, text) => {
    expect(headline(order)).toBe(text)
  })

  test('has a day in the requested time zone', () => {
    const shipments = [shipment('IN_TRANSIT', '2026-11-26T22:30:00.000Z')]
    const order = { status: 'SHIPPED' as const, ...sent({}), shipments }
    expect(headline(order)).toBe('Expected Nov 26, 2026')
    expect(headline(order, english, 'Europe/Berlin')).toBe('Expected Nov 26, 2026')
    expect(headline(order, english, 'Asia/Tokyo')).toBe('Expected Nov 27, 2026')
  })

  test('says in each language why the order does not come', () => {
    const cancelled = { cancellation: { reason: 'PAYMENT_DECLINED' as const, at: EARLY } }
    const texts = ['en', 'de', 'pt'].map(locale => headline(cancelled, localizationFor(locale)))
    expect(new Set(texts).size).toBe(3)
    expect(texts[1]).toBe('Storniert: Ihre Zahlung wurde abgelehnt')
  })
})
