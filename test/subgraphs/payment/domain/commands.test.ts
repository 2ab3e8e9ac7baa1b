// Tests the commands on a payment in each of its states.
import { describe, expect, test } from 'vitest'
import {
  authorisationResult,
  movementResult,
  requestCapture,
  requestPayment,
  requestRefund,
  requestVoid,
} from '#subgraphs/payment/domain/commands.ts'
import type { PaymentEvent } from '#subgraphs/payment/domain/events.ts'
import { outstanding } from '#subgraphs/payment/domain/outstanding.ts'
import { reauthoriseMovement } from '#subgraphs/payment/domain/worklist.ts'
import {
  AT,
  AUTHORISED,
  accepted,
  CUSTOMER,
  captureRequested,
  card,
  eur,
  expectRefusal,
  fold,
  ORDER,
  paymentAuthorised,
  paymentCaptured,
  requested,
  standing,
  tenderAuthorised,
  tenderCaptured,
  voidRequested,
  voucher,
} from './payment-fixture.ts'

const VOIDED: PaymentEvent[] = [
  ...AUTHORISED,
  voidRequested,
  { type: 'TenderVoided', data: { tenderId: 't1', amount: eur(10_000), at: AT } },
  { type: 'PaymentVoided', data: { orderId: ORDER, amount: eur(10_000), at: AT } },
]
const CAPTURED_60 = [
  ...AUTHORISED,
  captureRequested('cap1', ['t1', 6_000]),
  tenderCaptured('cap1', 't1', 6_000),
  paymentCaptured('cap1', 6_000),
]
const SPLIT = [
  requested(card('t1', 5_000), voucher('v1', 2_000), card('t2', 3_000)),
  tenderAuthorised('t1', 5_000),
  tenderAuthorised('v1', 2_000),
  tenderAuthorised('t2', 3_000),
  paymentAuthorised(10_000),
]

function request(minor: number, ...tenders: ReturnType<typeof card>[]) {
  return { orderId: ORDER, customerId: CUSTOMER, amount: eur(minor), tenders, at: AT }
}
function move(minor: number, moveId = 'mov1') {
  return { moveId, amount: eur(minor), at: AT }
}
function shares(events: readonly PaymentEvent[]) {
  const [event] = events
  if (event?.type !== 'CaptureRequested' && event?.type !== 'RefundRequested') throw new Error('no movement')
  return event.data.shares.map(({ tenderId, amount }) => [tenderId, amount.minor])
}

describe('requesting', () => {
  test('records the tenders before any call to the provider', () => {
    const events = accepted(requestPayment(fold([]), request(10_000, card('t1', 10_000))))
    expect(events.map(event => event.type)).toEqual(['PaymentRequested'])
    expect(outstanding(fold(events))).toMatchObject([{ kind: 'authorise', tenderId: 't1' }])
  })

  test('tenders that do not come to the amount are refused', () => {
    expectRefusal(requestPayment(fold([]), request(10_000, card('t1', 9_999))), 'TENDER_SUM_MISMATCH')
  })

  test('a tender in another currency is refused', () => {
    const foreign = { ...card('t1', 10_000), amount: { minor: 10_000, currency: 'USD' } }
    expectRefusal(requestPayment(fold([]), request(10_000, foreign)), 'CURRENCY_MISMATCH')
  })

  test('a second payment for the same order is refused', () => {
    const again = request(10_000, card('t9', 10_000))
    expectRefusal(requestPayment(fold(AUTHORISED), again), 'PAYMENT_ALREADY_REQUESTED')
    expectRefusal(requestPayment(fold(VOIDED), again), 'PAYMENT_ALREADY_REQUESTED')
  })

  test('a request after its own void is refused', () => {
    const forestalled = accepted(requestVoid(fold([]), { orderId: ORDER, at: AT }))
    expect(forestalled.map(event => event.type)).toEqual(['PaymentForestalled'])
    expectRefusal(requestPayment(fold(forestalled), request(10_000, card('t1', 10_000))), 'PAYMENT_VOIDED')
  })
})

describe('capturing', () => {
  test('uses vouchers first, then the tenders in order', () => {
    expect(shares(accepted(requestCapture(fold(SPLIT), move(6_000))))).toEqual([
      ['v1', 2_000],
      ['t1', 4_000],
    ])
  })

  test('a second capture continues where the first stopped', () => {
    const first = accepted(requestCapture(fold(SPLIT), move(6_000, 'cap1')))
    expect(shares(accepted(requestCapture(fold([...SPLIT, ...first]), move(4_000, 'cap2'))))).toEqual([
      ['t1', 1_000],
      ['t2', 3_000],
    ])
  })

  test('counts captures under way, so the sum never exceeds the authorisation', () => {
    const underWay = fold([...AUTHORISED, captureRequested('cap1', ['t1', 6_000])])
    expectRefusal(requestCapture(underWay, move(4_001)), 'CAPTURE_EXCEEDS_AUTHORISATION')
    expect(accepted(requestCapture(underWay, move(4_000)))).toHaveLength(1)
  })

  test('becomes a refused movement when an earlier one used too much of the authorisation', () => {
    const history: PaymentEvent[] = [
      ...AUTHORISED,
      captureRequested('cap1', ['t1', 6_000]),
      tenderCaptured('cap1', 't1', 9_000),
      paymentCaptured('cap1', 6_000),
      {
        type: 'RefundRequested',
        data: {
          refundId: 'ref1',
          amount: eur(3_000),
          shares: [{ tenderId: 't1', amount: eur(3_000) }],
          at: AT,
        },
      },
      { type: 'TenderRefunded', data: { refundId: 'ref1', tenderId: 't1', amount: eur(3_000), at: AT } },
      { type: 'PaymentRefunded', data: { orderId: ORDER, refundId: 'ref1', amount: eur(3_000), at: AT } },
    ]
    const tookTooMuch = fold(history)
    const events = accepted(requestCapture(tookTooMuch, move(4_000, 'cap2')))
    expect(events.map(({ type }) => type)).toEqual(['CaptureRequested', 'CaptureDeclined', 'MovementRefused'])
    const after = standing([...history, ...events])
    expect(outstanding(after)).toEqual([])
    expect(movementResult(after, 'capture', 'cap2')).toMatchObject({
      refused: { code: 'CAPTURE_DECLINED', movementId: 'cap2', outstanding: eur(4_000) },
    })
    expect(reauthoriseMovement(after, { movementId: 'cap2', by: 'olga', at: AT })).toMatchObject({
      accepted: [{ type: 'MovementRetried' }, { type: 'ReauthorisationRequested' }],
    })
    expectRefusal(requestCapture(tookTooMuch, move(4_001)), 'CAPTURE_EXCEEDS_AUTHORISATION')
    expectRefusal(requestCapture(after, move(1_001)), 'CAPTURE_EXCEEDS_AUTHORISATION')
  })

  test.each([
    ['PAYMENT_NOT_FOUND', []],
    ['PAYMENT_NOT_AUTHORISED', [requested(card('t1', 10_000))]],
    ['PAYMENT_VOIDED', VOIDED],
  ] as const)('is refused with %s', (code, history) => {
    expectRefusal(requestCapture(fold(history), move(1)), code)
  })

  test('in another currency is refused', () => {
    const foreign = { moveId: 'cap1', amount: { minor: 1, currency: 'USD' }, at: AT }
    expectRefusal(requestCapture(fold(AUTHORISED), foreign), 'CURRENCY_MISMATCH')
  })
})

describe('voiding', () => {
  test('voids every tender at the provider', () => {
    const events = accepted(requestVoid(fold(SPLIT), { orderId: ORDER, at: AT }))
    expect(outstanding(fold([...SPLIT, ...events])).map(({ kind, tenderId }) => [kind, tenderId])).toEqual([
      ['void', 't1'],
      ['void', 'v1'],
      ['void', 't2'],
    ])
  })

  test('waits for captures that were requested before', () => {
    const history = [...AUTHORISED, captureRequested('cap1', ['t1', 6_000]), voidRequested]
    expect(outstanding(fold(history)).map(({ kind }) => kind)).toEqual(['capture'])
    const captured = [...history, tenderCaptured('cap1', 't1', 6_000), paymentCaptured('cap1', 6_000)]
    expect(outstanding(fold(captured)).map(({ kind }) => kind)).toEqual(['void'])
  })

  test('a tender without a response is voided too', () => {
    const history = [requested(card('t1', 10_000)), voidRequested]
    expect(outstanding(fold(history))).toEqual([{ kind: 'void', tenderId: 't1' }])
  })

  test.each([
    ['a voided payment', VOIDED],
    [
      'a payment that is captured in full',
      [
        ...AUTHORISED,
        captureRequested('cap1', ['t1', 10_000]),
        tenderCaptured('cap1', 't1', 10_000),
        paymentCaptured('cap1', 10_000),
      ],
    ],
  ])('%s has nothing to void and is a success', (_, history) => {
    expect(accepted(requestVoid(fold(history), { orderId: ORDER, at: AT }))).toEqual([])
  })
})

describe('refunding', () => {
  test('refunds vouchers first, then the tenders in order', () => {
    const history = [
      ...SPLIT,
      captureRequested('cap1', ['v1', 2_000], ['t1', 4_000]),
      tenderCaptured('cap1', 'v1', 2_000),
      tenderCaptured('cap1', 't1', 4_000),
      paymentCaptured('cap1', 6_000),
    ]
    expect(shares(accepted(requestRefund(fold(history), move(3_000))))).toEqual([
      ['v1', 2_000],
      ['t1', 1_000],
    ])
  })

  test('never exceeds the captured amount, refunds under way included', () => {
    const first = accepted(requestRefund(fold(CAPTURED_60), move(5_000, 'ref1')))
    expectRefusal(requestRefund(fold([...CAPTURED_60, ...first]), move(1_001)), 'REFUND_EXCEEDS_CAPTURES')
  })

  test('is possible after the rest of the payment was voided', () => {
    const events = accepted(requestRefund(fold([...CAPTURED_60, voidRequested]), move(6_000)))
    expect(events).toHaveLength(1)
  })

  test('is refused when no payment was requested', () => {
    expectRefusal(requestRefund(fold([]), move(1)), 'PAYMENT_NOT_FOUND')
  })
})

describe('the result of a command comes from the state', () => {
  test('an authorisation is unknown until every tender has a response', () => {
    const asked = requested(card('t1', 10_000))
    expect(authorisationResult(standing([asked]))).toBeUndefined()
    const awaited: PaymentEvent = {
      type: 'TenderApprovalAwaited',
      data: { tenderId: 't1', providerRef: 'r', at: AT },
    }
    expect(authorisationResult(standing([asked, awaited]))).toEqual({ pending: true })
    expect(authorisationResult(standing(AUTHORISED))).toEqual({ pending: false })
  })

  test('an authorisation stays accepted when the payment is voided later', () => {
    expect(authorisationResult(standing(VOIDED))).toEqual({ pending: false })
  })

  test('a void before the authorisation makes it a refusal', () => {
    expect(authorisationResult(standing([requested(card('t1', 1)), voidRequested]))).toMatchObject({
      refused: { code: 'PAYMENT_VOIDED' },
    })
  })

  test('a capture is unknown until it is closed, and a declined one stays declined', () => {
    const underWay = [...AUTHORISED, captureRequested('cap1', ['t1', 6_000])]
    expect(movementResult(standing(underWay), 'capture', 'cap1')).toBeUndefined()
    expect(movementResult(standing(CAPTURED_60), 'capture', 'cap1')).toBe('done')
    const declined: PaymentEvent = {
      type: 'CaptureDeclined',
      data: { orderId: ORDER, captureId: 'cap1', code: 'expired', retryable: false, at: AT },
    }
    expect(movementResult(standing([...underWay, declined]), 'capture', 'cap1')).toMatchObject({
      refused: { code: 'CAPTURE_DECLINED' },
    })
  })
})
