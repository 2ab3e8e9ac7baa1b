// Tests the operators' commands on a refused movement in each of its states.
import { describe, expect, test } from 'vitest'
import type { Decision, Refusal } from '#platform/domain/decision.ts'
import { movementResult, requestCapture, requestVoid } from '#subgraphs/payment/domain/commands.ts'
import type { PaymentEvent } from '#subgraphs/payment/domain/events.ts'
import { outstanding } from '#subgraphs/payment/domain/outstanding.ts'
import type { ProviderResponse } from '#subgraphs/payment/domain/provider-responses.ts'
import { tenderTotals } from '#subgraphs/payment/domain/totals.ts'
import { reauthoriseMovement, retryMovement, writeOffMovement } from '#subgraphs/payment/domain/worklist.ts'
import {
  AT,
  AUTHORISED,
  captureRequested,
  card,
  eur,
  fold,
  ORDER,
  paymentAuthorised,
  requested,
  standing,
} from './payment-fixture.ts'
import { after, CAPTURING, captures, DECLINED } from './provider-outcomes.ts'

const BY = { movementId: 'cap_1', by: 'olga', at: AT }
const REFUSED = after(CAPTURING, captures(DECLINED))
const RETRIED = then(REFUSED, payment => retryMovement(payment, BY))

type Made = Decision<PaymentEvent, Refusal>

function then(
  history: readonly PaymentEvent[],
  decide: (payment: ReturnType<typeof fold>) => Made,
): PaymentEvent[] {
  const decision = decide(fold(history))
  if ('refused' in decision) throw new Error(`refused: ${decision.refused.code}`)
  return [...history, ...decision.accepted]
}
function refusalOf(decision: Made): string | undefined {
  return 'refused' in decision ? decision.refused.code : undefined
}
function second(
  said: Extract<ProviderResponse, { moveId: string }>['said'],
  tenderId = 't1',
): ProviderResponse {
  return { to: 'capture', moveId: 'cap_1', attempt: 2, tenderId, said }
}
function approval(tenderId: string, minor = 10_000): ProviderResponse {
  return {
    to: 'authorise',
    tenderId,
    said: { status: 'approved', providerRef: `ref-${tenderId}`, amount: eur(minor) },
  }
}
function entry(history: readonly PaymentEvent[], id = 'cap_1') {
  return standing(history).refused.find(movement => movement.id === id)
}
function types(history: readonly PaymentEvent[], from: readonly PaymentEvent[]): string[] {
  return history.slice(from.length).map(({ type }) => type)
}

describe('a refused capture', () => {
  test('is on the worklist, and its refusal names it and the outstanding amount', () => {
    expect(entry(REFUSED)).toMatchObject({
      kind: 'CAPTURE',
      amount: eur(6_000),
      tries: 1,
      status: 'OPEN',
      underWay: false,
    })
    expect(movementResult(standing(REFUSED), 'capture', 'cap_1')).toMatchObject({
      refused: { code: 'CAPTURE_DECLINED', movementId: 'cap_1', outstanding: eur(6_000) },
    })
  })

  test('shows customers a message, and services the provider’s code', () => {
    const { code: reason } = entry(REFUSED) ?? {}
    expect(reason).toEqual(expect.any(String))
    expect(movementResult(standing(REFUSED), 'capture', 'cap_1')).toMatchObject({
      refused: { message: 'The payment was declined.', reason },
    })
  })

  test('is settled and no longer refused after a successful retry', () => {
    expect(entry(RETRIED)).toMatchObject({ underWay: true, status: 'OPEN' })
    expect(outstanding(fold(RETRIED))).toMatchObject([{ kind: 'capture', moveId: 'cap_1', attempt: 2 }])
    const settled = after(RETRIED, second({ status: 'approved' }))
    expect(types(settled, RETRIED)).toEqual(['TenderCaptured', 'MovementSettled'])
    expect(entry(settled)).toMatchObject({ status: 'SETTLED', underWay: false, closedAt: AT })
    expect(tenderTotals(standing(settled)).captured).toBe(6_000)
    expect(movementResult(standing(settled), 'capture', 'cap_1')).toBe('done')
  })

  test('stays open after another refusal, with one more try and the amount that was open before', () => {
    const again = after(RETRIED, second({ status: 'approved', amount: eur(1_000) }))
    expect(entry(again)).toMatchObject({
      tries: 2,
      amount: eur(5_000),
      code: 'partial_capture',
      underWay: false,
    })
    expect(again.at(-1)).toMatchObject({ type: 'MovementRefused', data: { before: eur(6_000) } })
  })

  test('ignores a response to an earlier try', () => {
    expect(after(RETRIED, captures({ status: 'approved', amount: eur(100) }))).toEqual(RETRIED)
    expect(after(RETRIED, captures(DECLINED))).toEqual(RETRIED)
  })

  test('can be retried by one operator at a time, and not once it is closed', () => {
    const settled = after(RETRIED, second({ status: 'approved' }))
    for (const [history, code] of [
      [RETRIED, 'MOVEMENT_UNDER_WAY'],
      [settled, 'MOVEMENT_CLOSED'],
      [AUTHORISED, 'MOVEMENT_NOT_FOUND'],
      [[], 'MOVEMENT_NOT_FOUND'],
    ] as const) {
      const payment = fold(history)
      expect(refusalOf(retryMovement(payment, BY))).toBe(code)
      expect(refusalOf(reauthoriseMovement(payment, BY))).toBe(code)
      expect(refusalOf(writeOffMovement(payment, { ...BY, note: 'x' }))).toBe(code)
    }
  })

  test('is written off with a note and the operator’s name', () => {
    const closed = then(REFUSED, payment => writeOffMovement(payment, { ...BY, note: 'paid in cash' }))
    expect(closed.at(-1)).toMatchObject({
      type: 'MovementWrittenOff',
      data: {
        orderId: ORDER,
        movementId: 'cap_1',
        kind: 'CAPTURE',
        amount: eur(6_000),
        by: 'olga',
        note: 'paid in cash',
      },
    })
    expect(entry(closed)).toMatchObject({ status: 'WRITTEN_OFF', closedBy: 'olga', note: 'paid in cash' })
  })

  test('is dropped when the payment is voided, as nothing is owed any more', () => {
    const voided = then(REFUSED, payment => requestVoid(payment, { orderId: ORDER, at: AT }))
    expect(types(voided, REFUSED)).toEqual(['MovementDropped', 'VoidRequested'])
    expect(entry(voided)).toMatchObject({ status: 'DROPPED' })
  })

  test('of another currency cannot be retried, as money may have moved', () => {
    const odd = after(CAPTURING, captures({ status: 'approved', amount: { minor: 6_000, currency: 'CHF' } }))
    expect(refusalOf(retryMovement(fold(odd), BY))).toBe('MOVEMENT_NOT_REPEATABLE')
    expect(refusalOf(reauthoriseMovement(fold(odd), BY))).toBe('MOVEMENT_NOT_REPEATABLE')
    expect(refusalOf(writeOffMovement(fold(odd), { ...BY, note: 'seen' }))).toBeUndefined()
  })

  test('of another currency stays open after the void, as that money has to be refunded', () => {
    const odd = after(CAPTURING, captures({ status: 'approved', amount: { minor: 6_000, currency: 'CHF' } }))
    const voided = then(odd, payment => requestVoid(payment, { orderId: ORDER, at: AT }))
    expect(types(voided, odd)).toEqual(['VoidRequested'])
    expect(entry(voided)).toMatchObject({ status: 'OPEN', code: 'wrong_currency' })
  })
})

describe('a new authorisation', () => {
  const OTHER = { kind: 'CARD', token: 'tok_other' } as const
  const ASKED = then(REFUSED, payment => reauthoriseMovement(payment, { ...BY, token: OTHER }))

  test('with another token covers the old one’s uncaptured amount, and the capture waits for it', () => {
    expect(types(ASKED, REFUSED)).toEqual(['MovementRetried', 'ReauthorisationRequested'])
    expect(outstanding(fold(ASKED))).toMatchObject([
      { kind: 'authorise', tenderId: 't1-2', token: 'tok_other', amount: eur(10_000) },
    ])
  })

  test('is used by the capture, and the old one is voided', () => {
    const approved = after(ASKED, approval('t1-2'))
    expect(outstanding(fold(approved)).map(({ kind, tenderId }) => [kind, tenderId])).toEqual([
      ['capture', 't1-2'],
      ['void', 't1'],
    ])
    const done = after(approved, second({ status: 'approved' }, 't1-2'), { to: 'void', tenderId: 't1' })
    expect(entry(done)).toMatchObject({ status: 'SETTLED' })
    expect(tenderTotals(standing(done))).toEqual({ authorised: 10_000, captured: 6_000, refunded: 0 })
    expect(outstanding(fold(done))).toEqual([])
  })

  test('leaves the old one unchanged when it is declined', () => {
    const declined = after(ASKED, { to: 'authorise', tenderId: 't1-2', said: DECLINED })
    expect(entry(declined)).toMatchObject({ tries: 2, code: 'card_declined', amount: eur(6_000) })
    expect(outstanding(fold(declined))).toEqual([])
    const again = then(declined, payment => reauthoriseMovement(payment, BY))
    expect(again.at(-1)).toMatchObject({
      type: 'ReauthorisationRequested',
      data: { tender: { tenderId: 't1-3', amount: eur(10_000) }, replaces: ['t1', 't1-2'] },
    })
  })

  test('is possible for captures only', () => {
    const stuck = after([...AUTHORISED, { type: 'VoidRequested', data: { orderId: ORDER, at: AT } }], {
      to: 'void',
      tenderId: 't1',
      declined: { code: 'declined', retryable: true },
    })
    const command = { ...BY, movementId: 'voi_t1' }
    expect(refusalOf(reauthoriseMovement(fold(stuck), command))).toBe('NOT_A_CAPTURE')
    const retried = then(stuck, payment => retryMovement(payment, command))
    expect(outstanding(fold(retried))).toEqual([{ kind: 'void', tenderId: 't1', attempt: 2 }])
    const settled = after(retried, { to: 'void', tenderId: 't1', attempt: 2 })
    expect(types(settled, retried)).toEqual(['TenderVoided', 'MovementSettled'])
    expect(tenderTotals(standing(settled)).authorised).toBe(0)
  })
})

describe('an authorisation about to expire', () => {
  function expiring(expiresAt: string): PaymentEvent[] {
    return [
      requested(card('t1', 10_000)),
      {
        type: 'TenderAuthorised',
        data: { tenderId: 't1', amount: eur(10_000), providerRef: 'r', expiresAt, at: AT },
      },
      paymentAuthorised(10_000),
    ]
  }
  const capture = (history: readonly PaymentEvent[], moveId = 'cap_1', minor = 6_000) =>
    then(history, payment => requestCapture(payment, { moveId, amount: eur(minor), at: AT }))

  test.each([
    ['has ended', '2026-01-31T11:59:59.000Z', 2],
    ['ends within a minute', '2026-01-31T12:01:00.000Z', 2],
    ['ends later', '2026-01-31T12:01:01.000Z', 1],
  ])('that %s (%s) leads to %i events at a capture request', (_, expiresAt, events) => {
    const history = expiring(expiresAt)
    expect(types(capture(history), history)).toEqual(
      ['CaptureRequested', 'ReauthorisationRequested'].slice(0, events),
    )
  })

  test('is renewed once for two concurrent captures', () => {
    const both = capture(capture(expiring('2026-01-31T12:00:30.000Z')), 'cap_2', 4_000)
    expect(outstanding(fold(both))).toMatchObject([
      { kind: 'authorise', tenderId: 't1-2', amount: eur(10_000) },
    ])
    expect(outstanding(fold(after(both, approval('t1-2'))))).toMatchObject([
      { kind: 'capture', moveId: 'cap_1', tenderId: 't1-2' },
      { kind: 'capture', moveId: 'cap_2', tenderId: 't1-2' },
      { kind: 'void', tenderId: 't1' },
    ])
  })

  test('keeps the amount of another capture under way', () => {
    const two = [
      ...AUTHORISED,
      captureRequested('cap_1', ['t1', 6_000]),
      captureRequested('cap_2', ['t1', 3_000]),
    ]
    const expired = captures({ status: 'declined', code: 'authorisation_expired', retryable: false })
    expect(outstanding(fold(after(two, expired)))).toMatchObject([
      { kind: 'authorise', tenderId: 't1-2', amount: eur(7_000) },
      { kind: 'capture', moveId: 'cap_2', tenderId: 't1' },
    ])
  })
})
