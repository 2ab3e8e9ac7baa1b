// Tests what a fulfilment refunds for lost shipments and returns, in any order of events, in new histories and old.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FulfilmentOrder } from '#subgraphs/orders/fulfilment/fulfilment.ts'
import {
  delivered,
  deliveredAndNoted,
  dispatchedAndNoted,
  dispatchedAndTaken,
  dropped,
  eur,
  type HistoryEvent,
  inputOf,
  labelled,
  labelledUnpaid,
  lost,
  names,
  ok,
  type Replay,
  refused,
  replay,
  returned,
  startedByOlderBuild,
  startedWith,
  writtenOff,
} from './fulfilment-fixture.ts'

/** The history up to the labels, of an order with these `changes`. */
function labelledWith(changes: Partial<FulfilmentOrder>): HistoryEvent[] {
  return [startedWith(changes), ...labelled.slice(1)]
}

/** The amounts of all calls of `command`, by step. */
function amounts(replayed: Replay, command: string): Record<string, unknown> {
  const calls = replayed.all.flatMap(effect =>
    effect.kind === 'call' && effect.command === command ? [effect] : [],
  )
  return Object.fromEntries(calls.map(({ step, input }) => [step, input.amount]))
}

const refunds = (...events: HistoryEvent[]) => amounts(replay(...events), 'payment.refundPayment')
const mug = (quantity: number) => [{ sku: 'MUG', quantity }]
const bothTaken = [...dispatchedAndTaken('shp_b'), ...dispatchedAndTaken('shp_m')]
const bothTakenTurned = [...dispatchedAndTaken('shp_m'), ...dispatchedAndTaken('shp_b')]

describe('a lost shipment', () => {
  test('gives back the same whichever shipment was dispatched first', () => {
    const loss = { 'refund:shp_m': eur(1052) }
    expect(refunds(...labelled, ...bothTaken, lost('shp_m'))).toEqual(loss)
    expect(refunds(...labelled, ...bothTakenTurned, lost('shp_m'))).toEqual(loss)
  })

  test('gives back the whole order when the others are lost as well', () => {
    const sum = { 'refund:shp_b': eur(7448), 'refund:shp_m': eur(1052) }
    expect(refunds(...labelled, ...bothTaken, lost('shp_m'), lost('shp_b'))).toEqual(sum)
  })

  test('gives nothing back when none of its money was captured, and is noted', () => {
    const unpaid = [
      ...dispatchedAndTaken('shp_b'),
      ...[...dispatchedAndNoted('shp_m'), refused('capture:shp_m')],
    ]
    const replayed = replay(...labelled, ...unpaid, lost('shp_m'))
    expect(names(replayed.all)).toContain('note-lost:shp_m')
    expect(amounts(replayed, 'payment.refundPayment')).toEqual({})
  })

  test('gives back what a retry captured before the rest of its payment was written off', () => {
    const declined = refused('capture:shp_m', 'DECLINED', { movementId: 'cap_m', outstanding: 1052 })
    const gone = [...dispatchedAndNoted('shp_m'), declined]
    const history = [...labelled, ...dispatchedAndTaken('shp_b'), ...gone, lost('shp_m')]
    expect(refunds(...history, writtenOff('cap_m', 1052))).toEqual({})
    expect(refunds(...history, writtenOff('cap_m', 600))).toEqual({ 'refund:late-payment-1': eur(452) })
  })

  test('waits for its capture', () => {
    const taking = [...dispatchedAndNoted('shp_m'), lost('shp_m')]
    expect(refunds(...labelled, ...taking)).toEqual({})
    expect(refunds(...labelled, ...taking, ok('capture:shp_m'))).toEqual({ 'refund:shp_m': eur(1052) })
  })
})

describe('a cancelled shipment', () => {
  test('gives back what a retry captured before the void of its payment', () => {
    const declined = refused('capture:shp_m', 'DECLINED', { movementId: 'cap_m', outstanding: 1052 })
    const calledBack = [ok('cancel-shipment:shp_b'), ok('cancel-shipment:shp_m'), ok('void-payment')]
    const history = [...labelled, ok('capture:shp_b'), declined, ...calledBack]
    const paid = { 'refund:shp_b': eur(7448) }
    expect(refunds(...history, dropped('cap_m', 1052))).toEqual(paid)
    expect(refunds(...history, dropped('cap_m', 600))).toEqual({
      ...paid,
      'refund:late-payment-1': eur(452),
    })
  })
})

describe('a return', () => {
  const arrived = [...bothTaken, ...deliveredAndNoted('shp_b'), ...deliveredAndNoted('shp_m')]
  const all = [...mug(3), { sku: 'LAMP', quantity: 1 }]

  test.each([
    ['without a discount', 0, 8000],
    ['with a discount below the fee', 100, 7900],
    ['with a discount above the fee', 1000, 7000],
    ['with a discount of all goods', 8000, 0],
  ])('of everything gives back the price of the goods and not the fee, %s', (_, discount, goods) => {
    const sale = { total: eur(8500 - discount), goodsTotal: eur(8000 - discount) }
    const replayed = replay(...labelledWith(sale), ...arrived, returned('ret_1', 1, all))
    expect(amounts(replayed, 'payment.refundPayment')).toEqual(
      goods > 0 ? { 'refund:ret_1': eur(goods) } : {},
    )
    const steps = goods > 0 ? [ok('refund:ret_1'), ok('restock:ret_1')] : [ok('restock:ret_1')]
    const noted = replay(...labelledWith(sale), ...arrived, returned('ret_1', 1, all), ...steps)
    expect(inputOf(noted, 'note-refunded:ret_1')).toMatchObject({ refund: eur(goods) })
  })

  test('and a loss of a product at two prices together give back both prices', () => {
    const two = [10, 2].map(price => ({ sku: 'MUG', quantity: 1, unitPrice: eur(price), weightGrams: 100 }))
    const allocations = [
      { sku: 'MUG', warehouse: 'BER', quantity: 1 },
      { sku: 'MUG', warehouse: 'MUC', quantity: 1 },
    ]
    const [, , ...rest] = labelledWith({})
    const reserved = ok('reserve-stock', { allocations })
    const socks = [startedWith({ lines: two, total: eur(17), goodsTotal: eur(12) }), reserved, ...rest]
    const back = returned('ret_1', 1, mug(1))
    const half = [...socks, ...bothTaken, delivered('shp_b'), lost('shp_m'), back]
    expect(refunds(...half)).toEqual({ 'refund:shp_m': eur(2 + 2), 'refund:ret_1': eur(10) })
    const other = [...socks, ...bothTaken, delivered('shp_m'), lost('shp_b'), back]
    expect(refunds(...other)).toEqual({ 'refund:shp_b': eur(10 + 3), 'refund:ret_1': eur(2) })
    const late = [...socks, ...bothTaken, delivered('shp_b'), back, lost('shp_m')]
    expect(refunds(...late)).toEqual({ 'refund:ret_1': eur(2), 'refund:shp_m': eur(10 + 2) })
  })

  test('is refunded when the money for its units is captured later', () => {
    const events = [
      ...[...dispatchedAndTaken('shp_b'), returned('ret_1', 1, mug(1))],
      ...[...dispatchedAndNoted('shp_m'), lost('shp_b')],
    ]
    const before = { 'refund:ret_1': eur(1000), 'refund:shp_b': eur(6448) }
    expect(refunds(...labelledUnpaid, ...events)).toEqual(before)
    const late = { ...before, 'refund:late-payment-1': eur(1000) }
    expect(refunds(...labelledUnpaid, ...events, ok('capture:shp_m'))).toEqual(late)
    expect(refunds(...labelledUnpaid, ...events, refused('capture:shp_m'))).toEqual(before)
    const back = [...labelledUnpaid, ...events, ok('capture:shp_m'), ok('refund:late-payment-1')]
    expect(inputOf(replay(...back), 'note-refund:late-payment-1')).toEqual({
      orderId: 'ord_1',
      refundId: 'late-payment-1',
      refund: eur(1000),
    })
    const all = refunds(...labelledUnpaid, ...bothTaken, lost('shp_b'), returned('ret_1', 1, mug(1)))
    expect(all).toEqual({ 'refund:shp_b': eur(7448), 'refund:ret_1': eur(1000) })
  })

  test('counts refused refunds as issued, so nobody is refunded twice', () => {
    const first = [returned('ret_1', 1, mug(1)), refused('refund:ret_1')]
    const replayed = refunds(...labelled, ...arrived, ...first, returned('ret_2', 1, mug(1)))
    expect(replayed).toEqual({ 'refund:ret_1': eur(1000), 'refund:ret_2': eur(1000) })
  })
})

test('the same events in any order refund the same total, never more than was captured', () => {
  const total = (replayed: Replay, command: string) =>
    Object.values(amounts(replayed, command)).reduce<number>((sum, amount) => sum + minorOf(amount), 0)
  const ways = fc.record({
    fee: fc.nat(900),
    discount: fc.nat(8000),
    fates: fc.tuple(fc.boolean(), fc.boolean()),
    news: fc.shuffledSubarray(['shp_b', 'shp_m', 'ret_1', 'ret_2', 'ret_3'], { minLength: 5 }),
    isTurned: fc.boolean(),
  })
  const tellOf = (
    { fee, discount, fates: [first, second] }: { fee: number; discount: number; fates: [boolean, boolean] },
    news: readonly string[],
    isTurned: boolean,
  ) => {
    const start = labelledWith({ total: eur(8000 - discount + fee), goodsTotal: eur(8000 - discount) })
    const events = news.flatMap(id => {
      if (id === 'shp_b') return [first ? lost(id) : delivered(id)]
      if (id === 'shp_m') return [second ? lost(id) : delivered(id)]
      const inBer = first ? [] : [returned(id, 1, id === 'ret_3' ? [{ sku: 'LAMP', quantity: 1 }] : mug(1))]
      return inBer
    })
    return replay(...start, ...(isTurned ? bothTakenTurned : bothTaken), ...events)
  }
  fc.assert(
    fc.property(ways, ({ news, isTurned, ...way }) => {
      const replayed = tellOf(way, news, isTurned)
      const sum = total(replayed, 'payment.refundPayment')
      const plain = tellOf(way, news.toSorted(), false)
      expect(sum).toBe(total(plain, 'payment.refundPayment'))
      expect(sum).toBeLessThanOrEqual(total(replayed, 'payment.capturePayment'))
      if (way.fates[0] && way.fates[1]) expect(sum).toBe(8000 - way.discount + way.fee)
    }),
    { numRuns: 1000 },
  )
})

function minorOf(amount: unknown): number {
  if (typeof amount === 'object' && amount !== null && 'minor' in amount && typeof amount.minor === 'number')
    return amount.minor
  throw new Error('no amount of money')
}

describe('a history of an older build', () => {
  const old = [startedByOlderBuild(), ...labelled.slice(1)]

  test('charges the fee with the last shipment, and refunds what was charged for a lost one', () => {
    const replayed = replay(...old, ...bothTaken, lost('shp_m'))
    expect(amounts(replayed, 'payment.capturePayment')).toEqual({
      'capture:shp_b': eur(7000),
      'capture:shp_m': eur(1500),
    })
    expect(names(replayed.effects)).toEqual(['refund:shp_m'])
    expect(amounts(replayed, 'payment.refundPayment')).toEqual({ 'refund:shp_m': eur(1500) })
    const turned = replay(...old, ...bothTakenTurned, lost('shp_m'))
    expect(amounts(turned, 'payment.refundPayment')).toEqual({ 'refund:shp_m': eur(1000) })
  })

  test('refunds a return by the amount that the order stored, with unchanged inputs', () => {
    const arrived = [...bothTaken, ...deliveredAndNoted('shp_b'), ...deliveredAndNoted('shp_m')]
    const steps = [returned('ret_1', 625), ok('refund:ret_1'), ok('restock:ret_1')]
    const replayed = replay(...old, ...arrived, ...steps)
    expect(amounts(replayed, 'payment.refundPayment')).toEqual({ 'refund:ret_1': eur(625) })
    expect(inputOf(replayed, 'note-refunded:ret_1')).toEqual({ orderId: 'ord_1', returnId: 'ret_1' })
    expect(inputOf(replayed, 'note-shipped:shp_m')).toEqual({
      ...{ orderId: 'ord_1', shipmentId: 'shp_m' },
      lines: mug(1),
    })
  })

  test('lowers the shipments in proportion when the total is below the price of the goods', () => {
    const sale = startedByOlderBuild({ total: eur(4001) })
    const replayed = replay(sale, ...labelled.slice(1), ...bothTaken)
    expect(amounts(replayed, 'payment.capturePayment')).toEqual({
      'capture:shp_b': eur(3500),
      'capture:shp_m': eur(501),
    })
  })
})
