import { describe, expect, test } from 'vitest'
import {
  approved,
  asks,
  authorised,
  awaitingApproval,
  cancelled,
  confirmed,
  delivered,
  deliveredAndNoted,
  dispatched,
  dispatchedAndTaken,
  failed,
  held,
  inputOf,
  labelled,
  ok,
  refused,
  rejected,
  type StoryEvent,
  started,
  tell,
  timedOut,
} from './fulfilment-story.ts'

const BOTH_BACK = [ok('void-payment'), ok('release-stock')]

/** What is told to orders in the end, if the answers to the compensations are all that is missing. */
function cancellation(...events: StoryEvent[]) {
  const told = tell(...events)
  expect(told.phase).toBe('compensating')
  expect(told.effects).toContainEqual(expect.objectContaining({ step: 'cancel-order' }))
  expect(tell(...events, ok('cancel-order'))).toMatchObject({ phase: 'ended', effects: [] })
  return inputOf(told, 'cancel-order')
}

describe('what cannot be had', () => {
  test('no stock: cancelled with the shortages, nothing to give back', () => {
    const shortages = [{ sku: 'MUG', requested: 3, available: 1 }]
    expect(cancellation(started, refused('reserve-stock', 'INSUFFICIENT_STOCK', { shortages }))).toEqual({
      orderId: 'ord_1',
      reason: 'OUT_OF_STOCK',
      message: 'INSUFFICIENT_STOCK said.',
      details: { shortages },
    })
  })

  test('payment declined: stock goes back, then cancelled', () => {
    const declined = [...held, refused('authorise-payment', 'PAYMENT_DECLINED', { retryable: true })]
    expect(asks(...declined)).toEqual(['release-stock'])
    expect(cancellation(...declined, ok('release-stock'))).toMatchObject({
      reason: 'PAYMENT_DECLINED',
      details: { code: 'PAYMENT_DECLINED', retryable: true },
    })
  })

  test('payment without an answer: voided, in case it was authorised after all', () => {
    const unknown = [...held, failed('authorise-payment')]
    expect(asks(...unknown)).toEqual(['void-payment', 'release-stock'])
    expect(asks(...unknown, ok('release-stock'))).toEqual([])
    expect(cancellation(...unknown, ...BOTH_BACK)).toMatchObject({ reason: 'PAYMENT_UNAVAILABLE' })
    expect(asks(...unknown, approved)).toEqual([])
  })

  test('payment not approved in time: voided, released, cancelled', () => {
    expect(asks(...awaitingApproval, timedOut)).toEqual(['void-payment', 'release-stock'])
    expect(cancellation(...awaitingApproval, timedOut, ...BOTH_BACK)).toMatchObject({
      reason: 'APPROVAL_TIMED_OUT',
    })
  })

  test('approval denied: the clock stops, stock goes back', () => {
    expect(asks(...awaitingApproval, rejected)).toEqual([
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

  test('approval denied before the authorisation was answered pending', () => {
    expect(asks(...held, rejected)).toEqual([])
    expect(asks(...held, rejected, ok('authorise-payment', { pending: true }))).toEqual([
      'void-payment',
      'release-stock',
    ])
  })

  test('time up while the note of it is still on its way: waits for its answer', () => {
    const early = [...held, ok('authorise-payment', { pending: true }), timedOut]
    expect(asks(...early)).toEqual([])
    expect(asks(...early, ok('await-approval'))).toEqual(['void-payment', 'release-stock'])
  })

  test('hold expired before the commit: the money is let go', () => {
    const expired = [...authorised, refused('commit-stock', 'RESERVATION_EXPIRED')]
    expect(asks(...expired)).toEqual(['void-payment', 'release-stock'])
    expect(cancellation(...expired, ...BOTH_BACK)).toMatchObject({ reason: 'STOCK_HOLD_EXPIRED' })
  })

  test('a forward step that gives up without an answer ends the order, whichever it is', () => {
    expect(asks(started, failed('reserve-stock'))).toEqual(['release-stock'])
    expect(asks(...authorised, failed('commit-stock'))).toEqual(['void-payment', 'release-stock'])
    expect(asks(...authorised, ok('commit-stock'), failed('confirm-order'))).toEqual([
      'void-payment',
      'release-stock',
    ])
  })
})

describe('a carrier that refuses', () => {
  test('has the other shipment called back, once that is known to exist', () => {
    const refusal = [...confirmed, refused('create-shipment:BER', 'CARRIER_REFUSED')]
    expect(asks(...refusal)).toEqual([])
    const known = [...refusal, ok('create-shipment:MUC', { shipmentId: 'shp_m' })]
    expect(asks(...known)).toEqual(['cancel-shipment:shp_m'])
    expect(asks(...known, ok('cancel-shipment:shp_m'))).toEqual(['void-payment', 'release-stock'])
    expect(cancellation(...known, ok('cancel-shipment:shp_m'), ...BOTH_BACK)).toMatchObject({
      reason: 'CARRIER_REFUSED',
      message: 'CARRIER_REFUSED said.',
    })
  })

  test('of everything leaves nothing to call back', () => {
    const refusals = [refused('create-shipment:BER'), failed('create-shipment:MUC')]
    expect(asks(...confirmed, ...refusals)).toEqual(['void-payment', 'release-stock'])
  })

  test('after a part was dispatched: that part goes on and is paid with the fee, the rest goes back', () => {
    const partial = [
      ...confirmed,
      ok('create-shipment:BER', { shipmentId: 'shp_b' }),
      dispatched('shp_b'),
      refused('create-shipment:MUC', 'CARRIER_REFUSED'),
    ]
    expect(inputOf(tell(...partial), 'capture:shp_b')).toMatchObject({ amount: { minor: 7500 } })
    const taken = [...partial, ok('ship-stock:shp_b'), ok('note-shipped:shp_b'), ok('capture:shp_b')]
    expect(asks(...taken)).toEqual(['void-payment', 'release-stock'])
    const whole = [...taken, ...BOTH_BACK, ...deliveredAndNoted('shp_b')]
    expect(asks(...whole)).toEqual(['complete-order'])
    expect(tell(...whole, ok('complete-order')).phase).toBe('ended')
    expect(tell(...whole).all).not.toContainEqual(expect.objectContaining({ step: 'reject-cancellation' }))
  })
})

describe('a cancellation', () => {
  test('waits for the step under way, and gives back exactly what was done', () => {
    expect(asks(started, cancelled)).toEqual([])
    expect(asks(started, cancelled, ok('reserve-stock'))).toEqual(['release-stock'])
    expect(asks(started, cancelled, refused('reserve-stock'))).toEqual(['cancel-order'])
    expect(asks(...held, cancelled)).toEqual([])
    expect(asks(...held, cancelled, ok('authorise-payment', { pending: true }))).toEqual([
      'void-payment',
      'release-stock',
    ])
    expect(asks(...held, cancelled, refused('authorise-payment'))).toEqual(['release-stock'])
    expect(asks(...authorised, cancelled, ok('commit-stock'))).toEqual(['void-payment', 'release-stock'])
  })

  test('keeps its reason whatever fails afterwards', () => {
    const stopped = [...held, cancelled, refused('authorise-payment'), ok('release-stock')]
    expect(cancellation(...stopped)).toMatchObject({ reason: 'CUSTOMER_REQUEST', details: {} })
  })

  test('that comes while another cause has stopped the order changes nothing', () => {
    const stopped = [...awaitingApproval, timedOut, cancelled]
    expect(asks(...stopped)).toEqual([])
    expect(cancellation(...stopped, ...BOTH_BACK)).toMatchObject({ reason: 'APPROVAL_TIMED_OUT' })
  })

  test('while approval is awaited stops the clock at once', () => {
    expect(asks(...awaitingApproval, cancelled)).toEqual([
      'cancel-timer approval',
      'void-payment',
      'release-stock',
    ])
    expect(asks(...awaitingApproval, cancelled, timedOut)).toEqual([])
  })

  test('twice is once', () => {
    expect(asks(...awaitingApproval, cancelled, cancelled)).toEqual([])
    expect(asks(...labelled, cancelled, cancelled)).toEqual([])
  })

  test('that orders knows of when asked to confirm stops the order too', () => {
    const refusal = [...authorised, ok('commit-stock'), refused('confirm-order')]
    expect(asks(...refusal)).toEqual(['void-payment', 'release-stock'])
    expect(asks(...refusal, cancelled)).toEqual([])
  })

  test('calls every shipment back, those just being created included, before money and stock', () => {
    const creating = [...confirmed, ok('create-shipment:BER', { shipmentId: 'shp_b' }), cancelled]
    expect(asks(...creating)).toEqual([])
    const created = [...creating, ok('create-shipment:MUC', { shipmentId: 'shp_m' })]
    expect(asks(...created)).toEqual(['cancel-shipment:shp_b', 'cancel-shipment:shp_m'])
    expect(asks(...created, ok('cancel-shipment:shp_b'))).toEqual([])
    const back = [...created, ok('cancel-shipment:shp_b'), ok('cancel-shipment:shp_m')]
    expect(asks(...back)).toEqual(['void-payment', 'release-stock'])
    expect(cancellation(...back, ...BOTH_BACK)).toMatchObject({ reason: 'CUSTOMER_REQUEST' })
    expect(asks(...back, dispatched('shp_b'))).toEqual([])
  })

  test('after a dispatch is rejected, once, and the order goes on whole', () => {
    const late = [...labelled, dispatched('shp_b'), cancelled]
    expect(asks(...late)).toEqual(['reject-cancellation'])
    expect(asks(...late, cancelled)).toEqual([])
    expect(asks(...late, dispatched('shp_m'))).toContain('capture:shp_m')
    expect(tell(...late).phase).toBe('running')
  })

  test('after the end is rejected', () => {
    const done = [
      ...labelled,
      ...['shp_b', 'shp_m'].flatMap(id => [...dispatchedAndTaken(id), ...deliveredAndNoted(id)]),
      ok('complete-order'),
    ]
    expect(asks(...done, cancelled)).toEqual(['reject-cancellation'])
    expect(tell(...done, cancelled, ok('reject-cancellation')).phase).toBe('ended')
  })

  test('that finds every shipment gone is rejected, and all is paid for', () => {
    const gone = [
      ...labelled,
      cancelled,
      refused('cancel-shipment:shp_b', 'SHIPMENT_DISPATCHED'),
      refused('cancel-shipment:shp_m', 'SHIPMENT_DISPATCHED'),
    ]
    expect(asks(...gone)).toEqual([
      'capture:shp_b',
      'ship-stock:shp_m',
      'note-shipped:shp_m',
      'capture:shp_m',
      'reject-cancellation',
    ])
    expect(inputOf(tell(...gone), 'capture:shp_b')).toMatchObject({ amount: { minor: 7448 } })
    expect(inputOf(tell(...gone), 'capture:shp_m')).toMatchObject({ amount: { minor: 1052 } })
  })

  test('that finds a part gone: the rest stays cancelled, released and voided; the fee is paid', () => {
    const mixed = [
      ...labelled,
      cancelled,
      ok('cancel-shipment:shp_b'),
      refused('cancel-shipment:shp_m', 'SHIPMENT_DISPATCHED'),
    ]
    const told = tell(...mixed)
    expect(inputOf(told, 'capture:shp_m')).toMatchObject({ amount: { minor: 1500 } })
    expect(inputOf(told, 'reject-cancellation')).toMatchObject({
      message: expect.stringContaining('the rest is cancelled'),
    })
    expect(told.all).not.toContainEqual(expect.objectContaining({ step: 'void-payment' }))
    const taken = [...mixed, ok('ship-stock:shp_m'), ok('note-shipped:shp_m'), ok('capture:shp_m')]
    expect(asks(...taken)).toEqual(['void-payment', 'release-stock'])
    const rest = [...taken, ...BOTH_BACK, ok('reject-cancellation'), ...deliveredAndNoted('shp_m')]
    expect(tell(...rest, ok('complete-order')).phase).toBe('ended')
  })

  test('overtaken by the news of a dispatch waits for the other shipment’s answer', () => {
    const news = [...labelled, cancelled, delivered('shp_b')]
    expect(asks(...news)).toEqual(['ship-stock:shp_b', 'note-shipped:shp_b'])
    expect(asks(...news, ok('cancel-shipment:shp_m'))).toEqual(['capture:shp_b', 'reject-cancellation'])
    expect(asks(...news, refused('cancel-shipment:shp_b'))).toEqual([])
  })

  test('that overtakes the start stops the order before anything is done', () => {
    expect(asks(cancelled, started)).toEqual(['cancel-order'])
  })
})
