// Tests a fulfilment on its way to completion: the steps, approvals, events of shipments, and returns.
import { describe, expect, test } from 'vitest'
import {
  approved,
  authorised,
  awaitingApproval,
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
  oneWarehouse,
  order,
  refused,
  rejected,
  replay,
  returned,
  settled,
  started,
  startedAmple,
  startedByOlderBuild,
  startedWith,
  timedOut,
  twoWarehouses,
  writtenOff,
} from './fulfilment-fixture.ts'

const completed = [
  ...labelled,
  ...dispatchedAndTaken('shp_b'),
  ...dispatchedAndTaken('shp_m'),
  ...deliveredAndNoted('shp_b'),
  ...deliveredAndNoted('shp_m'),
  ok('complete-order'),
]

describe('the way to delivery', () => {
  test('holds the stock first, for half an hour, by SKU', () => {
    expect(replay(started).effects).toEqual([
      {
        kind: 'call',
        step: 'reserve-stock',
        command: 'inventory.reserveStock',
        patience: 'endless',
        input: {
          orderId: 'ord_1',
          customerId: 'cus_1',
          lines: [
            { sku: 'MUG', quantity: 3 },
            { sku: 'LAMP', quantity: 1 },
          ],
          expiresAt: '2026-03-01T12:30:00.000Z',
        },
      },
    ])
  })

  test('then authorises the payment, with bounded retries', () => {
    expect(replay(...held).effects).toEqual([
      {
        kind: 'call',
        step: 'authorise-payment',
        command: 'payment.authorisePayment',
        patience: 'bounded',
        input: { orderId: 'ord_1', customerId: 'cus_1', amount: order.total, tenders: order.tenders },
      },
    ])
  })

  test('then commits the hold, confirms the order, and creates one shipment per warehouse', () => {
    expect(effectsOf(...authorised)).toEqual(['commit-stock'])
    expect(inputOf(replay(...authorised), 'commit-stock')).toEqual({
      orderId: 'ord_1',
      skus: ['MUG', 'LAMP'],
    })
    expect(effectsOf(...authorised, ok('commit-stock'))).toEqual(['confirm-order'])
    expect(effectsOf(...confirmed)).toEqual(['create-shipment:BER', 'create-shipment:MUC'])
    expect(inputOf(replay(...confirmed), 'create-shipment:BER')).toEqual({
      orderId: 'ord_1',
      customerId: 'cus_1',
      warehouse: 'BER',
      option: 'STANDARD',
      lines: [
        { sku: 'MUG', quantity: 2 },
        { sku: 'LAMP', quantity: 1 },
      ],
      weightGrams: 2600,
      address: order.address,
    })
  })

  test('captures each shipment’s goods and its part of the fee by weight, once all labels exist', () => {
    expect(effectsOf(...labelled.slice(0, -1))).toEqual([])
    expect(effectsOf(...labelled)).toEqual(['capture:shp_b', 'capture:shp_m'])
    const replayed = replay(...labelled)
    expect(inputOf(replayed, 'capture:shp_b')).toEqual({
      orderId: 'ord_1',
      amount: { minor: 7448, currency: 'EUR' },
    })
    expect(inputOf(replayed, 'capture:shp_m')).toMatchObject({ amount: { minor: 1052 } })
  })

  test('ships the stock of a dispatched parcel, and notes it on the order', () => {
    const one = replay(...labelled, dispatched('shp_b'))
    expect(effectsOf(...labelled, dispatched('shp_b'))).toEqual(['ship-stock:shp_b', 'note-shipped:shp_b'])
    expect(inputOf(one, 'ship-stock:shp_b')).toMatchObject({ warehouse: 'BER' })
  })

  test('captures at the dispatch in histories of older builds', () => {
    const before = [startedByOlderBuild(), ...labelled.slice(1)]
    expect(effectsOf(...before)).toEqual([])
    expect(effectsOf(...before, dispatched('shp_b'))).toEqual([
      'ship-stock:shp_b',
      'note-shipped:shp_b',
      'capture:shp_b',
    ])
    const taken = [...before, ...dispatchedAndTaken('shp_b'), ...dispatchedAndNoted('shp_m')]
    expect(effectsOf(...taken, refused('capture:shp_m'))).toEqual(['void-payment'])
  })

  test('completes and ends once everything is delivered, noted and paid', () => {
    const toLast = completed.slice(0, -2)
    expect(effectsOf(...toLast)).toEqual(['note-delivered:shp_m'])
    expect(effectsOf(...completed.slice(0, -1))).toEqual(['complete-order'])
    expect(replay(...completed.slice(0, -1)).phase).toBe('running')
    expect(replay(...completed).phase).toBe('ended')
    expect(replay(...completed).all.map(effect => effect.kind)).not.toContain('cancel-timer')
  })

  test('does not complete while a capture has no response', () => {
    const unpaid = completed.filter(
      event => event.type !== 'StepSucceeded' || event.data.step !== 'capture:shp_m',
    )
    expect(replay(...unpaid).all).not.toContainEqual(expect.objectContaining({ step: 'complete-order' }))
    expect(effectsOf(...unpaid, ok('capture:shp_m'))).toEqual(['complete-order'])
  })

  test('requests no payment when the order is free', () => {
    const free = startedWith({ total: eur(0), goodsTotal: eur(0), tenders: [] })
    expect(effectsOf(free, ok('reserve-stock', oneWarehouse))).toEqual(['commit-stock'])
    const toEnd = [
      free,
      ok('reserve-stock', oneWarehouse),
      ok('commit-stock'),
      ok('confirm-order'),
      ok('create-shipment:BER', { shipmentId: 'shp_b' }),
      ...dispatchedAndNoted('shp_b'),
      delivered('shp_b'),
    ]
    expect(effectsOf(...toEnd, ok('note-delivered:shp_b'))).toEqual(['complete-order'])
  })

  test('spreads a discount over the shipments, to the last cent', () => {
    const [, reserved, ...rest] = [...labelled, dispatched('shp_b'), dispatched('shp_m')]
    const discounted = startedWith({ total: eur(4001), goodsTotal: eur(3501) })
    const replayed = replay(discounted, ...(reserved ? [reserved] : []), ...rest)
    expect(inputOf(replayed, 'capture:shp_b')).toMatchObject({ amount: eur(3063 + 448) })
    expect(inputOf(replayed, 'capture:shp_m')).toMatchObject({ amount: eur(438 + 52) })
  })

  test('charges two lines of one SKU at their own prices, each unit once', () => {
    const [mug, lamp] = order.lines
    if (!mug || !lamp) throw new Error('the order has two lines')
    const dearer = { ...mug, quantity: 1, unitPrice: { minor: 1500, currency: 'EUR' } }
    const lines = [{ ...mug, quantity: 2 }, dearer, lamp]
    const free = startedWith({ lines, goodsTotal: eur(8500) })
    const replayed = replay(free, ...labelled.slice(1), dispatched('shp_m'), dispatched('shp_b'))
    expect(inputOf(replayed, 'reserve-stock')).toMatchObject({ lines: [{ sku: 'MUG', quantity: 3 }, {}] })
    expect(inputOf(replayed, 'capture:shp_m')).toMatchObject({ amount: { minor: 1500 } })
    expect(inputOf(replayed, 'capture:shp_b')).toMatchObject({ amount: { minor: 7000 } })
  })
})

describe('an order of which there is ample stock', () => {
  const reserved = ok('reserve-stock', twoWarehouses)
  const allowed = ok('authorise-payment', { pending: false })

  test('has its payment authorised beside the hold, by the same calls, and is confirmed and committed after both', () => {
    const { effects } = replay(startedAmple)
    expect(effects).toEqual([...replay(started).effects, ...replay(...held).effects])
    expect(effectsOf(startedAmple, reserved)).toEqual([])
    expect(effectsOf(startedAmple, allowed)).toEqual([])
    expect(effectsOf(startedAmple, reserved, allowed)).toEqual(['commit-stock', 'confirm-order'])
    expect(effectsOf(startedAmple, allowed, reserved)).toEqual(['commit-stock', 'confirm-order'])
  })

  test('gets its labels once it is both committed and confirmed', () => {
    const both = [startedAmple, reserved, allowed]
    const labels = ['create-shipment:BER', 'create-shipment:MUC']
    expect(effectsOf(...both, ok('confirm-order'))).toEqual([])
    expect(effectsOf(...both, ok('confirm-order'), ok('commit-stock'))).toEqual(labels)
    expect(effectsOf(...both, ok('commit-stock'))).toEqual([])
    expect(effectsOf(...both, ok('commit-stock'), ok('confirm-order'))).toEqual(labels)
  })

  test('is confirmed after the commit once half of the time of its hold has passed', () => {
    const at = (event: HistoryEvent, instant: string) =>
      ({ ...event, data: { ...event.data, at: `2026-03-01T${instant}Z` } }) as HistoryEvent
    const inTime = at(allowed, '12:14:59.999')
    expect(effectsOf(startedAmple, reserved, inTime)).toEqual(['commit-stock', 'confirm-order'])
    for (const late of [
      [reserved, at(allowed, '12:15:00.000')],
      [allowed, at(reserved, '12:15:00.000')],
    ]) {
      expect(effectsOf(startedAmple, ...late)).toEqual(['commit-stock'])
      expect(effectsOf(startedAmple, ...late, ok('commit-stock'))).toEqual(['confirm-order'])
    }
  })

  test('requests no payment when it is free', () => {
    const data = { ...startedAmple.data, order: { ...order, total: eur(0), goodsTotal: eur(0), tenders: [] } }
    const free = { ...startedAmple, data } as typeof startedAmple
    expect(effectsOf(free)).toEqual(['reserve-stock'])
    expect(effectsOf(free, reserved)).toEqual(['commit-stock', 'confirm-order'])
  })

  test('notes that an approval is awaited once the goods are held, waits for it from the answer on, and is confirmed last', () => {
    const pending = ok('authorise-payment', { pending: true })
    expect(effectsOf(startedAmple, pending)).toEqual(['start-timer approval'])
    expect(effectsOf(startedAmple, pending, reserved)).toEqual(['await-approval'])
    expect(effectsOf(startedAmple, reserved, pending)).toEqual(['await-approval', 'start-timer approval'])
    expect(effectsOf(startedAmple, pending, approved, reserved)).toEqual(['commit-stock'])
  })
})

describe('an approval', () => {
  const pending = [...held, ok('authorise-payment', { pending: true })]

  test('is waited for, ten minutes unless the order says otherwise', () => {
    expect(effectsOf(...pending)).toEqual(['await-approval', 'start-timer approval'])
    expect(replay(...pending).effects).toContainEqual({
      kind: 'start-timer',
      timer: 'approval',
      dueAt: '2026-03-01T12:10:00.000Z',
    })
    const hasty = { ...started, data: { ...started.data, approvalTimeoutMs: 1000 } } as typeof started
    expect(replay(hasty, ...pending.slice(1)).effects).toContainEqual(
      expect.objectContaining({ dueAt: '2026-03-01T12:00:01.000Z' }),
    )
  })

  test('lets the order continue, and stops the timer', () => {
    expect(effectsOf(...awaitingApproval, approved)).toEqual(['commit-stock', 'cancel-timer approval'])
  })

  test('twice is once', () => {
    expect(effectsOf(...awaitingApproval, approved, approved)).toEqual([])
  })

  test('waits for the response to the note, so that orders records both in sequence', () => {
    expect(effectsOf(...pending, approved)).toEqual(['cancel-timer approval'])
    expect(effectsOf(...pending, approved, ok('await-approval'))).toEqual(['commit-stock'])
  })

  test('counts when it arrives before the pending authorisation', () => {
    expect(effectsOf(...held, approved)).toEqual([])
    expect(effectsOf(...held, approved, ok('authorise-payment', { pending: true }))).toEqual(['commit-stock'])
    expect(effectsOf(...held, approved, ok('authorise-payment', { pending: false }))).toEqual([
      'commit-stock',
    ])
  })

  test('counts even when the authorisation never gets a response', () => {
    expect(effectsOf(...held, approved, failed('authorise-payment'))).toEqual(['commit-stock'])
  })

  test('changes nothing after its time limit', () => {
    const late = replay(...awaitingApproval, timedOut, approved)
    expect(late.effects).toEqual([])
    expect(late.phase).toBe('compensating')
  })

  test('counts before its time limit, even when the timer fires afterwards', () => {
    expect(effectsOf(...awaitingApproval, approved, timedOut)).toEqual([])
    expect(replay(...awaitingApproval, approved, timedOut, ok('commit-stock')).phase).toBe('running')
  })

  test('is not revoked by a later refusal', () => {
    expect(effectsOf(...awaitingApproval, approved, rejected)).toEqual([])
  })
})

describe('an event of a shipment', () => {
  test('takes effect with the shipment’s creation when it arrives earlier', () => {
    const early = [...confirmed, dispatched('shp_b')]
    expect(effectsOf(...early)).toEqual([])
    expect(effectsOf(...early, ok('create-shipment:BER', { shipmentId: 'shp_b' }))).toEqual([
      'ship-stock:shp_b',
      'note-shipped:shp_b',
    ])
  })

  test('captures money only when every shipment has a response', () => {
    const early = [...confirmed, dispatched('shp_b'), ok('create-shipment:BER', { shipmentId: 'shp_b' })]
    expect(effectsOf(...early)).toEqual(['ship-stock:shp_b', 'note-shipped:shp_b'])
    expect(effectsOf(...early, ok('create-shipment:MUC', { shipmentId: 'shp_m' }))).toEqual([
      'capture:shp_b',
      'capture:shp_m',
    ])
  })

  test('implies the dispatch when it is a delivery, which is noted after it', () => {
    expect(effectsOf(...labelled, delivered('shp_b'))).toEqual(['ship-stock:shp_b', 'note-shipped:shp_b'])
    expect(effectsOf(...labelled, delivered('shp_b'), dispatched('shp_b'))).toEqual([])
    expect(effectsOf(...labelled, delivered('shp_b'), ok('note-shipped:shp_b'))).toEqual([
      'note-delivered:shp_b',
    ])
  })

  test('has no effect when it is repeated or belongs to another order', () => {
    expect(effectsOf(...labelled, dispatched('shp_b'), dispatched('shp_b'))).toEqual([])
    expect(effectsOf(...labelled, dispatched('shp_x'), delivered('shp_x'))).toEqual([])
    expect(effectsOf(...completed, delivered('shp_b'), lost('shp_b'))).toEqual([])
  })

  test('refunds a lost parcel once its money is captured, and finishes the parcel', () => {
    const gone = [...labelled, ...dispatchedAndTaken('shp_b'), ...dispatchedAndTaken('shp_m')]
    const replayed = replay(...gone, lost('shp_m'))
    expect(names(replayed.effects)).toEqual(['note-lost:shp_m', 'refund:shp_m'])
    expect(inputOf(replayed, 'refund:shp_m')).toEqual({ orderId: 'ord_1', amount: eur(1052) })
    const rest = [...gone, lost('shp_m'), ...deliveredAndNoted('shp_b')]
    expect(effectsOf(...rest)).toEqual([])
    expect(effectsOf(...rest, ok('refund:shp_m'))).toEqual([])
    const refunded = [...rest, ok('refund:shp_m'), ok('note-lost:shp_m')]
    expect(effectsOf(...refunded)).toEqual(['note-loss-refunded:shp_m'])
    expect(inputOf(replay(...refunded), 'note-loss-refunded:shp_m')).toMatchObject({ refund: eur(1052) })
    expect(effectsOf(...refunded, ok('note-loss-refunded:shp_m'))).toEqual(['complete-order'])
  })

  test('notes a loss without a refund when the refund is refused', () => {
    const gone = [...labelled, ...dispatchedAndTaken('shp_b'), ...dispatchedAndTaken('shp_m')]
    const rest = [...gone, lost('shp_m'), ...deliveredAndNoted('shp_b'), ok('note-lost:shp_m')]
    expect(effectsOf(...rest, refused('refund:shp_m'))).not.toContain('note-loss-refunded:shp_m')
  })
})

describe('a return', () => {
  test('is refunded and restocked after the end, noted after both, and the fulfilment ends again', () => {
    const back = [...completed, returned('ret_1', 1000)]
    expect(effectsOf(...back)).toEqual(['refund:ret_1', 'restock:ret_1'])
    expect(replay(...back).phase).toBe('running')
    expect(effectsOf(...back, ok('refund:ret_1'))).toEqual([])
    expect(effectsOf(...back, ok('refund:ret_1'), ok('restock:ret_1'))).toEqual(['note-refunded:ret_1'])
    const noted = replay(...back, ok('restock:ret_1'), ok('refund:ret_1'), ok('note-refunded:ret_1'))
    expect(noted.phase).toBe('ended')
  })

  test('counts once when it is repeated, and another return counts by itself', () => {
    expect(effectsOf(...completed, returned('ret_1', 1000), returned('ret_1', 1000))).toEqual([])
    expect(effectsOf(...completed, returned('ret_1', 1000), returned('ret_2', 500))).toEqual([
      'refund:ret_2',
      'restock:ret_2',
    ])
  })

  test('leaves a debt of the shop when its refund is refused, and is noted as refunded once that is paid', () => {
    const refusal = refused('refund:ret_1', 'PROVIDER_DECLINED', { movementId: 'ref_1', outstanding: 1000 })
    const back = [...completed, returned('ret_1', 1000), ok('restock:ret_1'), refusal]
    expect(effectsOf(...back)).toEqual(['record-debt:ref_1'])
    expect(inputOf(replay(...back), 'record-debt:ref_1')).toEqual({
      orderId: 'ord_1',
      debtId: 'ref_1',
      owedBy: 'SHOP',
      amount: { minor: 1000, currency: 'EUR' },
      code: 'PROVIDER_DECLINED',
    })
    const noted = [...back, ok('record-debt:ref_1')]
    expect(replay(...noted)).toMatchObject({ effects: [], phase: 'ended' })
    expect(effectsOf(...noted, settled('ref_1'))).toEqual(['resolve-debt:ref_1', 'note-refunded:ret_1'])
    expect(effectsOf(...noted, writtenOff('ref_1', 1000))).toEqual(['resolve-debt:ref_1'])
  })

  test('has no effect on an order of which nothing was sent', () => {
    expect(effectsOf(...labelled, returned('ret_1', 1000))).toEqual([])
  })
})

test('a repeated start, and responses to steps that were never requested, have no effect', () => {
  expect(effectsOf(started, started)).toEqual([])
  expect(effectsOf(started, ok('commit-stock'), refused('complete-order'), failed('void-payment'))).toEqual(
    [],
  )
  expect(effectsOf(...held, ok('reserve-stock', oneWarehouse))).toEqual([])
  expect(effectsOf(approved, dispatched('shp_b'), timedOut, started)).toEqual(['reserve-stock'])
})

test('the state survives JSON', () => {
  for (const length of completed.keys()) {
    const { state } = replay(...completed.slice(0, length))
    expect(JSON.parse(JSON.stringify(state))).toEqual(state)
  }
})
