// Tests how a fulfilment compensates: failures before and after dispatch, unpaid parcels, and cancellations.
import { describe, expect, test } from 'vitest'
import {
  approved,
  authorised,
  awaitingApproval,
  cancelled,
  confirmed,
  delivered,
  deliveredAndNoted,
  dispatched,
  dispatchedAndNoted,
  dispatchedAndTaken,
  effectsOf,
  eur,
  failed,
  type HistoryEvent,
  held,
  inputOf,
  labelled,
  lost,
  names,
  ok,
  paid,
  refused,
  rejected,
  replay,
  settled,
  started,
  startedAmple,
  timedOut,
  twoWarehouses,
  writtenOff,
} from './fulfilment-fixture.ts'

const UNDO = ['void-payment', 'release-stock']
const BOTH_BACK = UNDO.map(step => ok(step))
const ALL_CALLED_BACK = [ok('cancel-shipment:shp_b'), ok('cancel-shipment:shp_m')]

/** Returns the input of the final cancellation, after all compensations have succeeded. */
function cancellation(...events: HistoryEvent[]) {
  const replayed = replay(...events)
  expect(replayed.phase).toBe('compensating')
  expect(replayed.effects).toContainEqual(expect.objectContaining({ step: 'cancel-order' }))
  expect(replay(...events, ok('cancel-order'))).toMatchObject({ phase: 'ended', effects: [] })
  return inputOf(replayed, 'cancel-order')
}

describe('an order that cannot be fulfilled', () => {
  test('is cancelled with the shortages when there is no stock, and releases nothing', () => {
    const shortages = [{ sku: 'MUG', requested: 3, available: 1 }]
    expect(cancellation(started, refused('reserve-stock', 'INSUFFICIENT_STOCK', { shortages }))).toEqual({
      orderId: 'ord_1',
      reason: 'OUT_OF_STOCK',
      message: 'INSUFFICIENT_STOCK said.',
      details: { shortages },
    })
  })

  test('releases its stock and is cancelled when the payment is declined', () => {
    const declined = [...held, refused('authorise-payment', 'PAYMENT_DECLINED', { retryable: true })]
    expect(effectsOf(...declined)).toEqual(['release-stock'])
    expect(cancellation(...declined, ok('release-stock'))).toMatchObject({
      reason: 'PAYMENT_DECLINED',
      details: { code: 'PAYMENT_DECLINED', retryable: true },
    })
  })

  test('voids a payment without a response, in case it was authorised after all', () => {
    const unknown = [...held, failed('authorise-payment')]
    expect(effectsOf(...unknown)).toEqual(UNDO)
    expect(effectsOf(...unknown, ok('release-stock'))).toEqual([])
    expect(cancellation(...unknown, ...BOTH_BACK)).toMatchObject({ reason: 'PAYMENT_UNAVAILABLE' })
    expect(effectsOf(...unknown, approved)).toEqual([])
  })

  test('voids, releases and cancels when the payment is not approved in time', () => {
    expect(effectsOf(...awaitingApproval, timedOut)).toEqual(UNDO)
    expect(cancellation(...awaitingApproval, timedOut, ...BOTH_BACK)).toMatchObject({
      reason: 'APPROVAL_TIMED_OUT',
    })
  })

  test('stops the timer and releases its stock when the approval is denied', () => {
    expect(effectsOf(...awaitingApproval, rejected)).toEqual([
      'cancel-timer approval',
      'void-payment',
      'release-stock',
    ])
    expect(cancellation(...awaitingApproval, rejected, ...BOTH_BACK)).toMatchObject({
      reason: 'PAYMENT_DECLINED',
      message: 'The bank said no.',
      details: { code: 'NOT_APPROVED', retryable: false },
    })
  })

  test('is stopped by a denied approval that arrives before the pending authorisation', () => {
    expect(effectsOf(...held, rejected)).toEqual([])
    expect(effectsOf(...held, rejected, ok('authorise-payment', { pending: true }))).toEqual(UNDO)
  })

  test('waits for the response to its note when the approval times out meanwhile', () => {
    const early = [...held, ok('authorise-payment', { pending: true }), timedOut]
    expect(effectsOf(...early)).toEqual([])
    expect(effectsOf(...early, ok('await-approval'))).toEqual(UNDO)
  })

  test('voids the payment when the hold expired before the commit', () => {
    const expired = [...authorised, refused('commit-stock', 'RESERVATION_EXPIRED')]
    expect(effectsOf(...expired)).toEqual(UNDO)
    expect(cancellation(...expired, ...BOTH_BACK)).toMatchObject({ reason: 'STOCK_HOLD_EXPIRED' })
  })

  test('is stopped by any forward step that fails without a response', () => {
    expect(effectsOf(started, failed('reserve-stock'))).toEqual(['release-stock'])
    expect(effectsOf(...authorised, failed('commit-stock'))).toEqual(UNDO)
    expect(effectsOf(...authorised, ok('commit-stock'), failed('confirm-order'))).toEqual(UNDO)
  })
})

describe('a hold and a payment that are requested side by side', () => {
  const shortages = [{ sku: 'MUG', requested: 3, available: 1 }]
  const short = refused('reserve-stock', 'INSUFFICIENT_STOCK', { shortages })
  const outOfStock = { reason: 'OUT_OF_STOCK', message: 'INSUFFICIENT_STOCK said.', details: { shortages } }
  const reserved = ok('reserve-stock', twoWarehouses)
  const declined = refused('authorise-payment', 'PAYMENT_DECLINED', { retryable: true })
  const pending = ok('authorise-payment', { pending: true })
  const PAYMENTS: [string, HistoryEvent[], string[]][] = [
    ['authorised', [ok('authorise-payment', { pending: false })], ['void-payment']],
    ['awaiting approval', [pending], ['void-payment']],
    ['approved', [pending, approved], ['void-payment']],
    ['not approved', [pending, rejected], ['void-payment']],
    ['without an answer', [failed('authorise-payment')], ['void-payment']],
    ['declined', [declined], []],
  ]

  test.each(PAYMENTS)(
    'say that the stock is out when the payment was %s before the hold was refused',
    (_, payment, undo) => {
      const events = [...payment, short, ...undo.map(step => ok(step))]
      expect(names(replay(startedAmple, ...events).all)).not.toContain('release-stock')
      expect(cancellation(startedAmple, ...events)).toMatchObject(outOfStock)
    },
  )

  test.each(PAYMENTS)(
    'cancel the order at once when the hold is refused, and give back a payment that is %s afterwards',
    (_, payment, undo) => {
      expect(inputOf(replay(startedAmple, short), 'cancel-order')).toMatchObject(outOfStock)
      const over = [startedAmple, short, ok('cancel-order')]
      expect(replay(...over).phase).toBe('compensating')
      expect(effectsOf(...over, ...payment.slice(0, 1))).toEqual(undo)
      const { all, phase } = replay(...over, ...payment, ...undo.map(step => ok(step)))
      expect(names(all).slice(2)).toEqual(['cancel-order', ...undo])
      expect(phase).toBe('ended')
    },
  )

  test('wait for the answer about the hold before anything is given back', () => {
    expect(effectsOf(startedAmple, declined)).toEqual([])
    expect(effectsOf(startedAmple, failed('authorise-payment'))).toEqual([])
  })

  test('release the stock when the payment fails, whichever answers first', () => {
    expect(effectsOf(startedAmple, reserved, declined)).toEqual(['release-stock'])
    expect(effectsOf(startedAmple, declined, reserved)).toEqual(['release-stock'])
    const back = [startedAmple, declined, reserved, ok('release-stock')]
    expect(cancellation(...back)).toMatchObject({ reason: 'PAYMENT_DECLINED' })
    expect(effectsOf(startedAmple, failed('authorise-payment'), reserved)).toEqual(UNDO)
  })

  test('are undone when the hold expired before its commit, though the order was confirmed beside it', () => {
    const both = [startedAmple, reserved, ok('authorise-payment', { pending: false })]
    const expired = refused('commit-stock', 'RESERVATION_EXPIRED')
    expect(effectsOf(...both, expired)).toEqual([])
    for (const events of [
      [expired, ok('confirm-order')],
      [ok('confirm-order'), expired],
    ]) {
      expect(effectsOf(...both, ...events)).toEqual(UNDO)
      expect(cancellation(...both, ...events, ...BOTH_BACK)).toMatchObject({ reason: 'STOCK_HOLD_EXPIRED' })
    }
  })

  test('give both back when the customer cancels meanwhile, which stays the reason', () => {
    const both = [reserved, ok('authorise-payment', { pending: false })]
    expect(effectsOf(startedAmple, cancelled)).toEqual([])
    expect(effectsOf(startedAmple, cancelled, ...both)).toEqual(UNDO)
    expect(effectsOf(startedAmple, cancelled, ...both.toReversed())).toEqual(UNDO)
    expect(cancellation(startedAmple, cancelled, declined, short)).toMatchObject({
      reason: 'CUSTOMER_REQUEST',
    })
  })
})

describe('a carrier that refuses', () => {
  test('has the other shipment cancelled, once that exists', () => {
    const refusal = [...confirmed, refused('create-shipment:BER', 'CARRIER_REFUSED')]
    expect(effectsOf(...refusal)).toEqual([])
    const known = [...refusal, ok('create-shipment:MUC', { shipmentId: 'shp_m' })]
    expect(effectsOf(...known)).toEqual(['cancel-shipment:shp_m'])
    expect(effectsOf(...known, ok('cancel-shipment:shp_m'))).toEqual(UNDO)
    expect(cancellation(...known, ok('cancel-shipment:shp_m'), ...BOTH_BACK)).toMatchObject({
      reason: 'CARRIER_REFUSED',
      message: 'CARRIER_REFUSED said.',
    })
  })

  test('leaves nothing to cancel when it refuses every shipment', () => {
    const refusals = [refused('create-shipment:BER'), failed('create-shipment:MUC')]
    expect(effectsOf(...confirmed, ...refusals)).toEqual(UNDO)
  })

  test('leaves a dispatched part to be delivered and charged with the fee, and the rest is released', () => {
    const partial = [
      ...confirmed,
      ok('create-shipment:BER', { shipmentId: 'shp_b' }),
      dispatched('shp_b'),
      refused('create-shipment:MUC', 'CARRIER_REFUSED'),
    ]
    expect(inputOf(replay(...partial), 'capture:shp_b')).toMatchObject({ amount: { minor: 7500 } })
    const taken = [...partial, ok('ship-stock:shp_b'), ok('note-shipped:shp_b'), ok('capture:shp_b')]
    expect(effectsOf(...taken)).toEqual(UNDO)
    const whole = [...taken, ...BOTH_BACK, ...deliveredAndNoted('shp_b')]
    expect(effectsOf(...whole)).toEqual(['complete-order'])
    expect(replay(...whole, ok('complete-order')).phase).toBe('ended')
    expect(replay(...whole).all).not.toContainEqual(expect.objectContaining({ step: 'reject-cancellation' }))
  })
})

describe('a payment that cannot be taken', () => {
  const declined = refused('capture:shp_m', 'PAYMENT_REFUSED', { movementId: 'cap_m', code: 'card_expired' })
  const debt = { orderId: 'ord_1', debtId: 'cap_m', owedBy: 'CUSTOMER', amount: eur(1052) }

  test('keeps back all goods that have not left, and refunds what was captured for them', () => {
    const stopped = [...labelled, ok('capture:shp_b'), declined]
    expect(effectsOf(...stopped)).toEqual(['cancel-shipment:shp_b', 'cancel-shipment:shp_m'])
    const back = [...stopped, ...ALL_CALLED_BACK]
    expect(effectsOf(...back)).toEqual(UNDO)
    const rest = [...back, ok('refund:shp_b'), ok('note-refund:shp_b'), ...BOTH_BACK]
    expect(cancellation(...rest)).toMatchObject({ reason: 'PAYMENT_DECLINED' })
    expect(names(replay(...rest).all)).not.toContain('record-debt:cap_m')
  })

  test('is a debt for goods that have left, and the order completes once it is paid', () => {
    const gone = [...labelled, ...dispatchedAndTaken('shp_b'), ...dispatchedAndNoted('shp_m'), declined]
    expect(effectsOf(...gone)).toEqual(['record-debt:cap_m'])
    expect(inputOf(replay(...gone), 'record-debt:cap_m')).toEqual({ ...debt, code: 'card_expired' })
    const arrived = [
      ...[...gone, ok('record-debt:cap_m')],
      ...[...deliveredAndNoted('shp_b'), ...deliveredAndNoted('shp_m')],
    ]
    expect(replay(...arrived)).toMatchObject({ effects: [], phase: 'running' })
    expect(effectsOf(...arrived, settled('cap_m'))).toEqual(['resolve-debt:cap_m', 'complete-order'])
    expect(names(replay(...arrived, settled('cap_m')).all)).not.toContain('void-payment')
  })

  test('voids what is still held before the order completes, once it is written off', () => {
    const gone = [
      ...labelled,
      ...dispatchedAndTaken('shp_b'),
      ...[...dispatchedAndNoted('shp_m'), declined],
      ...[...deliveredAndNoted('shp_b'), ...deliveredAndNoted('shp_m'), ok('record-debt:cap_m')],
    ]
    expect(effectsOf(...gone, writtenOff('cap_m', 1052))).toEqual(['resolve-debt:cap_m', 'void-payment'])
    expect(effectsOf(...gone, writtenOff('cap_m', 1052), ok('void-payment'))).toEqual(['complete-order'])
  })

  test('stops only its own parcel when the other is with the carrier', () => {
    const stopped = [...labelled, ...dispatchedAndTaken('shp_b'), declined]
    expect(effectsOf(...stopped)).toEqual(['cancel-shipment:shp_m'])
    expect(effectsOf(...stopped, ok('cancel-shipment:shp_m'))).toEqual(UNDO)
    const late = refused('cancel-shipment:shp_m', 'SHIPMENT_DISPATCHED')
    expect(effectsOf(...stopped, late)).toEqual([
      'ship-stock:shp_m',
      'note-shipped:shp_m',
      'record-debt:cap_m',
    ])
  })

  test('releases the stock of cancelled shipments while the debt is open', () => {
    const left = dispatchedAndNoted('shp_m')
    const inDebt = [...labelled, ok('capture:shp_b'), ...left, declined, ok('record-debt:cap_m')]
    const calledBack = [...inDebt, ok('cancel-shipment:shp_b')]
    expect(effectsOf(...calledBack)).toContain('release-stock')
    expect(names(replay(...calledBack).all)).not.toContain('void-payment')
    expect(effectsOf(...calledBack, writtenOff('cap_m', 1052))).toContain('void-payment')
  })

  test('refunds the captured part with the goods, and leaves the rest as a debt', () => {
    const part = refused('capture:shp_m', 'PAYMENT_REFUSED', { movementId: 'cap_m', outstanding: 1000 })
    const stopped = [...labelled, ok('capture:shp_b'), part]
    const back = [...stopped, ...ALL_CALLED_BACK]
    expect(inputOf(replay(...back), 'refund:shp_m')).toMatchObject({ amount: eur(52) })
    const gone = [...labelled, ...dispatchedAndTaken('shp_b'), dispatched('shp_m'), part]
    expect(inputOf(replay(...gone), 'record-debt:cap_m')).toMatchObject({ amount: eur(1000) })
  })

  test('is resolved as soon as it is recorded when its settlement arrived before its refusal', () => {
    const gone = [
      ...labelled,
      ...dispatchedAndTaken('shp_b'),
      dispatched('shp_m'),
      settled('cap_m'),
      declined,
    ]
    expect(effectsOf(...gone)).toEqual(['record-debt:cap_m'])
    expect(effectsOf(...gone, ok('record-debt:cap_m'))).toEqual(['resolve-debt:cap_m'])
  })

  test('is not owed for lost goods: a recorded debt is dropped, and the order completes', () => {
    const noted = [...labelled, ...dispatchedAndTaken('shp_b'), ...dispatchedAndNoted('shp_m')]
    const replayed = [...noted, declined, ok('record-debt:cap_m')]
    expect(effectsOf(...replayed, lost('shp_m'))).toEqual([
      'note-lost:shp_m',
      'resolve-debt:cap_m',
      'void-payment',
    ])
    expect(inputOf(replay(...replayed, lost('shp_m')), 'resolve-debt:cap_m')).toMatchObject({
      resolution: 'DROPPED',
    })
    expect(effectsOf(...noted, lost('shp_m'), declined)).toEqual(['void-payment'])
    const over = [...noted, lost('shp_m'), declined, ok('void-payment'), ok('note-lost:shp_m')]
    expect(effectsOf(...over, ...deliveredAndNoted('shp_b'))).toEqual(['complete-order'])
  })

  test('is refunded when it is paid after its parcel was lost', () => {
    const gone = [...labelled, ...dispatchedAndTaken('shp_b'), dispatched('shp_m'), declined, lost('shp_m')]
    expect(names(replay(...gone).all)).not.toContain('refund:shp_m')
    expect(inputOf(replay(...gone, settled('cap_m')), 'refund:late-payment-1')).toMatchObject({
      amount: eur(1052),
    })
  })
})

describe('a cancellation', () => {
  test('waits for the step in flight, and compensates exactly what was done', () => {
    expect(effectsOf(started, cancelled)).toEqual([])
    expect(effectsOf(started, cancelled, ok('reserve-stock'))).toEqual(['release-stock'])
    expect(effectsOf(started, cancelled, refused('reserve-stock'))).toEqual(['cancel-order'])
    expect(effectsOf(...held, cancelled)).toEqual([])
    expect(effectsOf(...held, cancelled, ok('authorise-payment', { pending: true }))).toEqual(UNDO)
    expect(effectsOf(...held, cancelled, refused('authorise-payment'))).toEqual(['release-stock'])
    expect(effectsOf(...authorised, cancelled, ok('commit-stock'))).toEqual(UNDO)
  })

  test('keeps its reason when another step fails afterwards', () => {
    const stopped = [...held, cancelled, refused('authorise-payment'), ok('release-stock')]
    expect(cancellation(...stopped)).toMatchObject({ reason: 'CUSTOMER_REQUEST', details: {} })
  })

  test('changes nothing when another cause has stopped the order', () => {
    const stopped = [...awaitingApproval, timedOut, cancelled]
    expect(effectsOf(...stopped)).toEqual([])
    expect(cancellation(...stopped, ...BOTH_BACK)).toMatchObject({ reason: 'APPROVAL_TIMED_OUT' })
  })

  test('stops the approval timer at once', () => {
    expect(effectsOf(...awaitingApproval, cancelled)).toEqual([
      'cancel-timer approval',
      'void-payment',
      'release-stock',
    ])
    expect(effectsOf(...awaitingApproval, cancelled, timedOut)).toEqual([])
  })

  test('counts once when it is repeated', () => {
    expect(effectsOf(...awaitingApproval, cancelled, cancelled)).toEqual([])
    expect(effectsOf(...labelled, cancelled, cancelled)).toEqual([])
  })

  test('stops the order when orders refuses to confirm because of it', () => {
    const refusal = [...authorised, ok('commit-stock'), refused('confirm-order')]
    expect(effectsOf(...refusal)).toEqual(UNDO)
    expect(effectsOf(...refusal, cancelled)).toEqual([])
  })

  test('cancels every shipment, including those being created, before money and stock are released', () => {
    const creating = [...confirmed, ok('create-shipment:BER', { shipmentId: 'shp_b' }), cancelled]
    expect(effectsOf(...creating)).toEqual([])
    const created = [...creating, ok('create-shipment:MUC', { shipmentId: 'shp_m' })]
    expect(effectsOf(...created)).toEqual(['cancel-shipment:shp_b', 'cancel-shipment:shp_m'])
    expect(effectsOf(...created, ok('cancel-shipment:shp_b'))).toEqual([])
    const back = [...created, ...ALL_CALLED_BACK]
    expect(effectsOf(...back)).toEqual(UNDO)
    expect(cancellation(...back, ...BOTH_BACK)).toMatchObject({ reason: 'CUSTOMER_REQUEST' })
    expect(effectsOf(...back, dispatched('shp_b'))).toEqual([])
  })

  test('is rejected once after a dispatch, and the whole order continues', () => {
    const late = [...labelled, dispatched('shp_b'), cancelled]
    expect(effectsOf(...late)).toEqual(['reject-cancellation'])
    expect(effectsOf(...late, cancelled)).toEqual([])
    expect(effectsOf(...late, dispatched('shp_m'))).toContain('ship-stock:shp_m')
    expect(replay(...late).phase).toBe('running')
  })

  test('is rejected after the order has ended', () => {
    const done = [
      ...labelled,
      ...['shp_b', 'shp_m'].flatMap(id => [...dispatchedAndTaken(id), ...deliveredAndNoted(id)]),
      ok('complete-order'),
    ]
    expect(effectsOf(...done, cancelled)).toEqual(['reject-cancellation'])
    expect(replay(...done, cancelled, ok('reject-cancellation')).phase).toBe('ended')
  })

  test('is rejected when every shipment is dispatched, and all are charged', () => {
    const gone = [
      ...labelled,
      cancelled,
      refused('cancel-shipment:shp_b', 'SHIPMENT_DISPATCHED'),
      refused('cancel-shipment:shp_m', 'SHIPMENT_DISPATCHED'),
    ]
    expect(effectsOf(...gone)).toEqual(['ship-stock:shp_m', 'note-shipped:shp_m', 'reject-cancellation'])
    expect(inputOf(replay(...gone), 'capture:shp_b')).toMatchObject({ amount: { minor: 7448 } })
    expect(inputOf(replay(...gone), 'capture:shp_m')).toMatchObject({ amount: { minor: 1052 } })
  })

  test('is rejected without naming a remainder when every shipment is dispatched', () => {
    const gone = [
      ...[...paid, cancelled],
      refused('cancel-shipment:shp_b', 'SHIPMENT_DISPATCHED'),
      refused('cancel-shipment:shp_m', 'SHIPMENT_DISPATCHED'),
    ]
    expect(inputOf(replay(...gone), 'reject-cancellation')).toMatchObject({
      message: 'The order is already with the carrier and cannot be cancelled any more.',
    })
  })

  test('releases and refunds the remainder when a part is dispatched', () => {
    const mixed = [
      ...paid,
      cancelled,
      ok('cancel-shipment:shp_b'),
      refused('cancel-shipment:shp_m', 'SHIPMENT_DISPATCHED'),
    ]
    const replayed = replay(...mixed)
    expect(inputOf(replayed, 'reject-cancellation')).toMatchObject({
      message:
        'What is with the carrier already cannot be cancelled any more: 1 x MUG; ' +
        'the rest is cancelled, and its money goes back: 2 x MUG, 1 x LAMP.',
    })
    expect(inputOf(replayed, 'refund:shp_b')).toEqual({ orderId: 'ord_1', amount: eur(7448) })
    expect(effectsOf(...mixed, ok('ship-stock:shp_m'))).toEqual(['release-stock'])
    const sent = [...mixed, ok('ship-stock:shp_m'), ok('note-shipped:shp_m')]
    const rest = [...sent, ok('release-stock'), ok('reject-cancellation'), ...deliveredAndNoted('shp_m')]
    expect(effectsOf(...rest)).toEqual([])
    const refunded = [...rest, ok('refund:shp_b')]
    expect(effectsOf(...refunded)).toEqual(['complete-order', 'note-refund:shp_b'])
    expect(inputOf(replay(...refunded), 'note-refund:shp_b')).toEqual({
      orderId: 'ord_1',
      refundId: 'shp_b',
      refund: eur(7448),
    })
    expect(replay(...refunded, ok('complete-order'), ok('note-refund:shp_b')).phase).toBe('ended')
  })

  test('refunds all captured money, after the capture in flight has finished', () => {
    const back = ALL_CALLED_BACK
    expect(effectsOf(...paid, cancelled, ...back)).toEqual(['refund:shp_m', 'release-stock'])
    const all = [...paid, cancelled, ...back, ok('refund:shp_b'), ok('release-stock'), ok('refund:shp_m')]
    expect(effectsOf(...all)).toEqual(['cancel-order', 'note-refund:shp_m'])
    expect(names(replay(...all).all)).not.toContain('void-payment')
    expect(effectsOf(...labelled, cancelled, ...back)).toEqual([])
    expect(effectsOf(...labelled, cancelled, ...back, ok('capture:shp_b'))).toEqual(['refund:shp_b'])
  })

  test('waits for the other shipment’s response when a dispatch arrives first', () => {
    const news = [...labelled, cancelled, delivered('shp_b')]
    expect(effectsOf(...news)).toEqual(['ship-stock:shp_b', 'note-shipped:shp_b'])
    expect(effectsOf(...news, ok('cancel-shipment:shp_m'))).toEqual(['reject-cancellation'])
    expect(effectsOf(...news, refused('cancel-shipment:shp_b'))).toEqual([])
  })

  test('stops the order before any step when it arrives before the start', () => {
    expect(effectsOf(cancelled, started)).toEqual(['cancel-order'])
  })
})
