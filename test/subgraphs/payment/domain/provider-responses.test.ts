// Tests how a payment records the provider's responses: in order, late, repeated and contradictory.
import { describe, expect, test } from 'vitest'
import type { PaymentEvent } from '#subgraphs/payment/domain/events.ts'
import { operationKey, outstanding } from '#subgraphs/payment/domain/outstanding.ts'
import { type ProviderResponse, recordResponses } from '#subgraphs/payment/domain/provider-responses.ts'
import { paymentStatus, tenderTotals } from '#subgraphs/payment/domain/totals.ts'
import {
  AT,
  AUTHORISED,
  accepted,
  captureRequested,
  card,
  fold,
  requested,
  standing,
  tenderAuthorised,
  tenderCaptured,
  voidRequested,
  voucher,
} from './payment-fixture.ts'

function after(history: readonly PaymentEvent[], ...answers: ProviderResponse[]): PaymentEvent[] {
  return [...history, ...accepted(recordResponses(fold(history), answers, AT))]
}
function added(history: readonly PaymentEvent[], ...answers: ProviderResponse[]): string[] {
  return after(history, ...answers)
    .slice(history.length)
    .map(event => event.type)
}
function approved(tenderId: string, providerRef = `ref-${tenderId}`): ProviderResponse {
  return { to: 'authorise', tenderId, said: { status: 'approved', providerRef } }
}
function pending(tenderId: string): ProviderResponse {
  return { to: 'authorise', tenderId, said: { status: 'pending', providerRef: `ref-${tenderId}` } }
}
function declined(tenderId: string, code = 'insufficient_funds'): ProviderResponse {
  return { to: 'authorise', tenderId, said: { status: 'declined', code, retryable: true } }
}
function captured(tenderId: string, moveId = 'cap1'): ProviderResponse {
  return { to: 'capture', moveId, tenderId, said: { status: 'approved' } }
}
function captureDeclined(tenderId: string, moveId = 'cap1'): ProviderResponse {
  return { to: 'capture', moveId, tenderId, said: { status: 'declined', code: 'expired', retryable: false } }
}

const ONE = [requested(card('t1', 10_000))]
const TWO = [requested(card('t1', 6_000), voucher('v1', 4_000))]

describe('authorising', () => {
  test('one approved card authorises the payment in a single append', () => {
    expect(added(ONE, approved('t1'))).toEqual(['TenderAuthorised', 'PaymentAuthorised'])
  })

  test('a payment is authorised only when all its tenders are', () => {
    const half = after(TWO, approved('t1'))
    expect(paymentStatus(standing(half))).toBe('REQUESTED')
    expect(added(half, approved('v1'))).toEqual(['TenderAuthorised', 'PaymentAuthorised'])
  })

  test('a pending approval shows in the status until it arrives', () => {
    const awaiting = after(ONE, pending('t1'))
    expect(paymentStatus(standing(awaiting))).toBe('AWAITING_APPROVAL')
    expect(outstanding(fold(awaiting))).toEqual([])
    expect(paymentStatus(standing(after(awaiting, approved('t1'))))).toBe('AUTHORISED')
  })

  test('a payment without a pending approval never has that status, not even between two events', () => {
    expect(paymentStatus(standing(after(ONE, approved('t1')).slice(0, 2)))).toBe('REQUESTED')
  })

  test('the verdict says whether an approval was awaited, so that nobody who had the answer hears it twice', () => {
    const verdict = (history: readonly PaymentEvent[], answer: ProviderResponse) =>
      after(history, answer).at(-1)
    const data = (awaited: boolean) => ({ data: expect.objectContaining({ awaited }) })
    for (const answer of [approved('t1'), declined('t1')]) {
      expect(verdict(ONE, answer)).toMatchObject(data(false))
      expect(verdict(after(ONE, pending('t1')), answer)).toMatchObject(data(true))
    }
    expect(verdict(after(TWO, pending('v1'), approved('t1')), approved('v1'))).toMatchObject(data(true))
  })

  test('one declined tender declines the payment, and the others are voided', () => {
    const history = after(TWO, approved('t1'), declined('v1'))
    expect(history.slice(1).map(event => event.type)).toEqual([
      'TenderAuthorised',
      'TenderDeclined',
      'PaymentDeclined',
    ])
    expect(outstanding(fold(history))).toEqual([{ kind: 'void', tenderId: 't1' }])
    const settled = after(history, { to: 'void', tenderId: 't1' })
    expect(tenderTotals(standing(settled)).authorised).toBe(0)
    expect(paymentStatus(standing(settled))).toBe('DECLINED')
    expect(outstanding(fold(settled))).toEqual([])
  })

  test('a tender without a response is voided as well when another is declined', () => {
    expect(outstanding(fold(after(TWO, declined('v1'))))).toEqual([{ kind: 'void', tenderId: 't1' }])
  })

  test('a decline carries its code, and whether the same tender may work later', () => {
    expect(standing(after(ONE, declined('t1'))).decline).toMatchObject({
      code: 'PAYMENT_DECLINED',
      message: 'The payment was declined: there are not enough funds.',
      retryable: true,
    })
  })

  test.each([
    ['approval', approved('t1')],
    ['pending', pending('t1')],
    ['decline', declined('t1')],
  ])('a second %s after the approval changes nothing', (_, answer) => {
    expect(added(after(ONE, approved('t1')), answer)).toEqual([])
  })

  test('a response for an unknown tender changes nothing', () => {
    expect(added(ONE, approved('t9'))).toEqual([])
  })
})

describe('a late approval', () => {
  const lateHistories: [string, PaymentEvent[]][] = [
    ['after the void', after([...after(ONE, pending('t1')), voidRequested], { to: 'void', tenderId: 't1' })],
    ['while the void is under way', [...ONE, voidRequested]],
    ['after another tender was declined', after(TWO, declined('v1'))],
  ]
  test.each(lateHistories)('%s is voided at the provider', (_, history) => {
    const late = after(history, approved('t1', 'late-ref'))
    expect(late.slice(history.length).map(event => event.type)).toEqual(['TenderApprovedLate'])
    const status = paymentStatus(standing(history))
    expect(paymentStatus(standing(late))).toBe(status)
    expect(outstanding(fold(late))).toContainEqual({
      kind: 'void-late',
      tenderId: 't1',
      providerRef: 'late-ref',
    })
    expect(added(late, { to: 'void-late', tenderId: 't1', providerRef: 'late-ref' })).toContain(
      'LateApprovalVoided',
    )
  })

  test('is voided once when it arrives twice', () => {
    const history = after([...ONE, voidRequested], { to: 'void', tenderId: 't1' })
    const late = after(history, approved('t1', 'late-ref'))
    expect(added(late, approved('t1', 'late-ref'))).toEqual([])
    const settled = after(late, { to: 'void-late', tenderId: 't1', providerRef: 'late-ref' })
    expect(added(settled, approved('t1', 'late-ref'))).toEqual([])
    expect(outstanding(fold(settled))).toEqual([])
  })

  test('changes nothing when it repeats the approval that was voided', () => {
    const voided = after([...after(ONE, approved('t1')), voidRequested], { to: 'void', tenderId: 't1' })
    expect(added(voided, approved('t1'))).toEqual([])
  })
})

describe('capturing', () => {
  const split = [
    ...TWO,
    tenderAuthorised('t1', 6_000),
    tenderAuthorised('v1', 4_000),
    ...accepted(recordResponses(fold([...TWO, tenderAuthorised('t1', 6_000)]), [approved('v1')], AT)).slice(
      1,
    ),
    captureRequested('cap1', ['v1', 4_000], ['t1', 1_000]),
  ]

  test('closes with the last share', () => {
    const half = after(split, captured('v1'))
    expect(half.slice(split.length).map(event => event.type)).toEqual(['TenderCaptured'])
    expect(outstanding(fold(half)).map(({ tenderId }) => tenderId)).toEqual(['t1'])
    expect(added(half, captured('t1'))).toEqual(['TenderCaptured', 'PaymentCaptured'])
  })

  test('a repeated response is counted once', () => {
    const done = after(split, captured('v1'), captured('t1'))
    expect(added(done, captured('v1'), captured('t1'))).toEqual([])
    expect(tenderTotals(standing(done)).captured).toBe(5_000)
  })

  test('a decline closes it, with what was captured before it kept', () => {
    expect(added(split, captured('v1'), captureDeclined('t1'))).toEqual([
      'TenderCaptured',
      'CaptureDeclined',
      'MovementRefused',
    ])
  })

  test('a decline waits for the shares without a response', () => {
    expect(added(split, captureDeclined('v1'))).toEqual([])
  })
})

describe('voiding', () => {
  test('releases what is authorised and not captured', () => {
    const history: PaymentEvent[] = [
      ...AUTHORISED,
      captureRequested('cap1', ['t1', 6_000]),
      tenderCaptured('cap1', 't1', 6_000),
      ...accepted(
        recordResponses(fold([...AUTHORISED, captureRequested('cap1', ['t1', 6_000])]), [captured('t1')], AT),
      ).slice(1),
      voidRequested,
    ]
    const voided = after(history, { to: 'void', tenderId: 't1' })
    expect(voided.at(-1)).toMatchObject({ type: 'PaymentVoided', data: { amount: { minor: 4_000 } } })
    expect(tenderTotals(standing(voided))).toEqual({ authorised: 6_000, captured: 6_000, refunded: 0 })
    expect(paymentStatus(standing(voided))).toBe('CAPTURED')
  })

  test('concludes when a capture under way captures everything', () => {
    const history = [...AUTHORISED, captureRequested('cap1', ['t1', 10_000]), voidRequested]
    expect(added(history, captured('t1'))).toEqual(['TenderCaptured', 'PaymentCaptured', 'PaymentVoided'])
  })
})

test('every operation has an idempotency key of its own', () => {
  const operations = [
    ...outstanding(fold(TWO)),
    ...outstanding(
      fold([...AUTHORISED, captureRequested('cap1', ['t1', 1]), captureRequested('cap2', ['t1', 1])]),
    ),
    ...outstanding(fold([...ONE, voidRequested])),
    ...outstanding(fold(after([...ONE, voidRequested], approved('t1', 'late-ref')))),
  ]
  const keys = new Set(operations.map(operation => operationKey('pay_1', operation)))
  expect(keys.size).toBe(6) // the void of t1 stands twice among the seven operations
  expect(operations).toHaveLength(7)
})
