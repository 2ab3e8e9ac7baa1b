import { describe, expect, test } from 'vitest'
import type { ReservationDoc } from '#subgraphs/inventory/queries/views.ts'
import type { PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import type { StandingPayment } from '#subgraphs/payment/domain/payment.ts'
import type { ExistingShipment } from '#subgraphs/shipping/domain/shipment.ts'
import { compare, type Kind, type OrderRecords } from '#tools/reconcile/compare.ts'

const AT = '2026-01-01T00:00:00.000Z'
const eur = (minor: number) => ({ minor, currency: 'EUR' })
const ids = { orderId: 'ord_1', customerId: 'cus_1' }

const order: PlacedOrder = {
  id: 'ord_1',
  number: 'W1',
  customer: { id: 'cus_1', name: 'Ada', email: 'ada@example.com' },
  status: 'COMPLETED',
  lines: [
    {
      lineNo: 1,
      sku: 'mug',
      title: 'Mug',
      quantity: 2,
      unitPrice: eur(500),
      weightGrams: 1,
      shipped: 2,
      delivered: 2,
      lost: 0,
      returned: 0,
    },
  ],
  itemsTotal: eur(1000),
  shippingFee: eur(0),
  adjustments: [],
  total: eur(1000),
  deliveryAddress: { name: 'Ada', line1: '1', city: 'Berlin', postalCode: '1', country: 'DE' },
  shippingOption: 'STANDARD',
  placedAt: AT,
  updatedAt: AT,
  awaitingApproval: false,
  cancellationRequested: false,
  shipments: [{ shipmentId: 'shp_1', lines: [{ sku: 'mug', quantity: 2 }], delivered: true }],
  returns: [],
  debts: [],
  timeline: [],
}
const tender: StandingPayment['tenders'][number] = {
  ...{ tenderId: 't', kind: 'CARD', token: '', amount: 1000, status: 'AUTHORISED', awaited: false },
  ...{ held: 1000, captured: 1000, refunded: 0, late: [] },
}
const payment: StandingPayment = {
  ...{
    phase: 'authorised',
    ...ids,
    currency: 'EUR',
    amount: 1000,
    tenders: [tender],
    captures: [],
    refunds: [],
  },
  ...{
    declinedMoves: {},
    refused: [],
    rest: [],
    authorisedAt: AT,
    released: 0,
    createdAt: AT,
    updatedAt: AT,
  },
}
const reservation: ReservationDoc = {
  ...ids,
  status: 'SHIPPED',
  expiresAt: AT,
  allocations: [{ sku: 'mug', warehouse: 'BER-1', quantity: 2, shipped: 2, status: 'SHIPPED' }],
}
const shipment: ExistingShipment = {
  ...{ id: 'shp_1', ...ids, warehouse: 'BER-1', option: 'STANDARD', status: 'DELIVERED' },
  ...{ lines: [{ sku: 'mug', quantity: 2 }], weightGrams: 2, trackingNumber: 'T', estimatedDelivery: null },
  ...{ refusal: null, tracking: [], createdAt: AT, updatedAt: AT },
}

const agreed: OrderRecords = { orderId: 'ord_1', order, payment, reservation, shipments: [shipment] }
const kinds = (facts: OrderRecords): Kind[] => compare(facts).map(({ kind }) => kind)

const confirmed: OrderRecords = {
  orderId: 'ord_1',
  order: {
    ...order,
    status: 'CONFIRMED',
    shipments: [],
    lines: order.lines.map(line => ({ ...line, shipped: 0 })),
  },
  payment: { ...payment, tenders: [{ ...tender, captured: 0 }] },
  reservation: {
    ...reservation,
    status: 'COMMITTED',
    allocations: [{ sku: 'mug', warehouse: 'BER-1', quantity: 2, shipped: 0, status: 'COMMITTED' }],
  },
  shipments: [{ ...shipment, status: 'LABELLED' }],
}
const cancelled: OrderRecords = {
  ...confirmed,
  order: { ...order, status: 'CANCELLED', shipments: [], lines: confirmed.order?.lines ?? [] },
  payment: { ...payment, phase: 'voided', tenders: [{ ...tender, held: 0, captured: 0, status: 'VOIDED' }] },
  reservation: { ...reservation, status: 'RELEASED', allocations: confirmed.reservation?.allocations ?? [] },
  shipments: [{ ...shipment, status: 'CANCELLED' }],
}
const refusedCapture: StandingPayment['refused'][number] = {
  ...{ id: 'cap_1', kind: 'CAPTURE', amount: eur(1000), shares: [], code: 'card_expired', retryable: false },
  ...{ refusedAt: AT, tries: 1, status: 'OPEN', underWay: false },
}
const excessRefund = {
  ...refusedCapture,
  id: 'ref_1-excess-1',
  kind: 'REFUND',
  code: 'excess_refund',
} as const
const linesThatStayed = order.lines.map(line => ({ ...line, shipped: 0 }))
const withPayment = (facts: OrderRecords, change: Partial<StandingPayment>): OrderRecords => ({
  ...facts,
  payment: { ...payment, ...facts.payment, ...change },
})
const withOrder = (facts: OrderRecords, change: Partial<PlacedOrder>): OrderRecords => ({
  ...facts,
  order: { ...order, ...facts.order, ...change },
})
const captured = (minor: number) => ({ tenders: [{ ...tender, captured: minor }] })

describe('services that agree have no differences', () => {
  test.each([
    [
      'a capture that was too much, and whose excess was given back',
      withPayment(agreed, { tenders: [{ ...tender, held: 1500, captured: 1500, refunded: 500 }] }),
    ],
    [
      'a refund that was too much, which is on the worklist alone',
      withPayment(
        { ...cancelled, order: { ...order, status: 'CANCELLED', shipments: [], lines: linesThatStayed } },
        { tenders: [{ ...tender, refunded: 1000 }], refused: [excessRefund] },
      ),
    ],
    [
      'a capture in another currency for goods that stayed',
      withPayment(cancelled, { refused: [{ ...refusedCapture, code: 'wrong_currency' }] }),
    ],
    ['a completed order', agreed],
    ['a confirmed order', confirmed],
    ['a cancelled order', cancelled],
    [
      'an order that has just been placed',
      withOrder(
        { ...agreed, payment: undefined, reservation: undefined, shipments: [] },
        { status: 'PLACED', shipments: [], lines: confirmed.order?.lines ?? [] },
      ),
    ],
    ['a free order without a payment', { ...withOrder(agreed, { total: eur(0) }), payment: undefined }],
    [
      'a refused capture that is a debt of the order',
      withPayment(
        withOrder(agreed, {
          debts: [
            { debtId: 'cap_1', owedBy: 'CUSTOMER', amount: eur(1000), code: 'card_expired', since: AT },
          ],
        }),
        { ...captured(0), refused: [refusedCapture] },
      ),
    ],
    [
      'a capture that was written off',
      withPayment(agreed, { ...captured(0), refused: [{ ...refusedCapture, status: 'WRITTEN_OFF' }] }),
    ],
  ] satisfies [string, OrderRecords][])('%s', (_, facts) => {
    expect(compare(facts)).toEqual([])
  })
})

describe('each difference is named by its kind', () => {
  test.each([
    [
      'orders has lost it',
      { ...agreed, order: undefined },
      ['payment-without-order', 'reservation-without-order', 'shipment-without-order'],
    ],
    ['payment has lost it', { ...agreed, payment: undefined }, ['payment-missing']],
    ['inventory has lost it', { ...agreed, reservation: undefined }, ['reservation-missing']],
    ['shipping has lost it', { ...agreed, shipments: [] }, ['parcel-missing']],
    ['shipping has lost a parcel that was not sent', { ...confirmed, shipments: [] }, ['parcel-missing']],
    ['the payment is of another amount', withPayment(agreed, { amount: 900 }), ['payment-amount']],
    [
      'the payment went back to before its authorisation',
      { ...confirmed, payment: withoutAuthorisation() },
      ['payment-not-authorised'],
    ],
    [
      'goods left, and nothing was captured',
      withPayment(agreed, captured(0)),
      ['money-held', 'captured-unlike-owed'],
    ],
    [
      'a capture was refused, and the order has no debt',
      withPayment(agreed, { ...captured(0), refused: [refusedCapture] }),
      ['debts-differ'],
    ],
    [
      'too much was captured, and the excess was kept',
      withPayment(agreed, { tenders: [{ ...tender, held: 1500, captured: 1500 }] }),
      ['captured-unlike-owed', 'refunded-unlike-owed'],
    ],
    ['money of a cancelled order is kept', withPayment(cancelled, captured(1000)), ['money-kept']],
    [
      'money of a cancelled order is held',
      withPayment(cancelled, { tenders: [{ ...tender, captured: 0 }] }),
      ['money-held'],
    ],
    [
      'stock of a cancelled order is held',
      { ...cancelled, reservation: confirmed.reservation },
      ['stock-held'],
    ],
    [
      'a parcel of a cancelled order is open',
      { ...cancelled, shipments: [{ ...shipment, status: 'LABELLED' }] },
      ['parcel-unlike-order'],
    ],
    ['fewer units left the stock', { ...agreed, reservation: shippedFromStock(1) }, ['shipped-unlike-stock']],
    [
      'a parcel went back to before its dispatch',
      { ...agreed, shipments: [{ ...shipment, status: 'LABELLED' }] },
      ['shipped-unlike-parcels', 'parcel-unlike-order'],
    ],
    [
      'an order went back to before the dispatch',
      { ...agreed, order: confirmed.order },
      ['shipped-unlike-stock', 'shipped-unlike-parcels'],
    ],
    [
      'a return is not refunded',
      withOrder(agreed, {
        returns: [
          { returnId: 'r', status: 'RECEIVED', reason: '', lines: [], refund: eur(500), requestedAt: AT },
        ],
      }),
      ['refunded-unlike-owed'],
    ],
  ] satisfies [string, OrderRecords, Kind[]][])('%s', (_, facts, expected) => {
    expect([...new Set(kinds(facts))].sort()).toEqual([...expected].sort())
  })

  test('and carries the differing sums and units', () => {
    expect(compare({ ...agreed, reservation: shippedFromStock(1) })).toEqual([
      {
        kind: 'shipped-unlike-stock',
        subject: 'ord_1',
        text: 'mug: 2 shipped by the order, 1 shipped from stock',
      },
    ])
  })
})

function withoutAuthorisation(): StandingPayment {
  const { authorisedAt: _, ...before } = payment
  return {
    ...before,
    phase: 'requested',
    tenders: [{ ...tender, held: 0, captured: 0, status: 'REQUESTED' }],
  }
}

function shippedFromStock(shipped: number): ReservationDoc {
  return { ...reservation, allocations: reservation.allocations.map(units => ({ ...units, shipped })) }
}
