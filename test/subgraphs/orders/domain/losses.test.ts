// Tests how the order's lines, sums and timeline show lost, delivered, returned and refunded goods.
import { describe, expect, test } from 'vitest'
import type { PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import { refundedSoFar } from '#subgraphs/orders/domain/order.ts'
import * as decide from '#subgraphs/orders/domain/order-commands.ts'
import * as returns from '#subgraphs/orders/domain/returns.ts'
import {
  AT,
  complete,
  confirm,
  deliver,
  given,
  must,
  outcome,
  place,
  type Step,
  ship,
  usd,
} from '#test/subgraphs/orders/domain/order-fixture.ts'

const at = AT
const lose: Step = order => decide.noteLost(order, { shipmentId: 'shp_2', at })
const refundLoss: Step = order =>
  decide.noteLossRefunded(order, { shipmentId: 'shp_2', refund: usd(5000), at })
const sent = [place, confirm, ship('shp_1', ['MUG', 3]), ship('shp_2', ['POT', 2])]
const texts = (order: PlacedOrder) => order.timeline.map(({ text }) => text)
const counts = (order: PlacedOrder) =>
  order.lines.map(({ sku, shipped, delivered, lost, returned }) => [sku, shipped, delivered, lost, returned])

describe('a lost shipment', () => {
  test('is in the timeline with its units, and its refund with the amount', () => {
    const order = must(given(...sent, deliver('shp_1'), lose, refundLoss, complete))
    expect(texts(order).slice(-4)).toEqual([
      'Shipment delivered',
      '2 units lost on the way',
      'Refunded for what was lost: 50.00 USD',
      'Order completed',
    ])
    expect(counts(order)).toEqual([
      ['MUG', 3, 3, 0, 0],
      ['POT', 2, 0, 2, 0],
    ])
    expect(refundedSoFar(order)).toEqual(usd(5000))
  })

  test('is refunded once, and only if it was lost', () => {
    expect(outcome(refundLoss(given(...sent)))).toBe('SHIPMENT_NOT_LOST')
    expect(outcome(refundLoss(given()))).toBe('ORDER_NOT_FOUND')
    expect(refundLoss(given(...sent, lose, refundLoss))).toEqual({ accepted: [] })
  })

  test('is derived at completion in histories that do not record losses', () => {
    const order = must(given(...sent, deliver('shp_1'), complete))
    expect(order.lines.map(({ lost }) => lost)).toEqual([0, 2])
  })
})

test('a refunded return is in the timeline with its amount, and counts into the total refund', () => {
  const request: Step = order =>
    returns.requestReturn(order, {
      returnId: 'ret_1',
      lines: [{ sku: 'MUG', quantity: 1 }],
      reason: 'no',
      at,
    })
  const receive: Step = order => returns.receiveReturn(order, { returnId: 'ret_1', at })
  const refund: Step = order =>
    returns.noteReturnRefunded(order, { returnId: 'ret_1', refund: usd(1000), at })
  const before = must(given(...sent, deliver('shp_1'), lose, refundLoss, complete, request, receive))
  expect(refundedSoFar(before)).toEqual(usd(5000))
  const order = must(given(...sent, deliver('shp_1'), lose, refundLoss, complete, request, receive, refund))
  expect(texts(order).at(-1)).toBe('Refunded for what came back: 10.00 USD')
  expect(refundedSoFar(order)).toEqual(usd(6000))
  expect(counts(order)[0]).toEqual(['MUG', 3, 3, 0, 1])
  const late: Step = o => decide.noteRefunded(o, { refundId: 'late-payment-1', refund: usd(500), at })
  const all = must(
    given(...sent, deliver('shp_1'), lose, refundLoss, complete, request, receive, refund, late, late),
  )
  expect(texts(all).at(-1)).toBe('Refunded: 5.00 USD')
  expect(refundedSoFar(all)).toEqual(usd(6500))
})
