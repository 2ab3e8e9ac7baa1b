// Builds and folds histories of payments for given/when/then tests.
import { expect } from 'vitest'
import type { Decision } from '#platform/domain/decision.ts'
import type { Money } from '#platform/domain/money.ts'
import type { PaymentRefusal } from '#subgraphs/payment/domain/commands.ts'
import type { PaymentEvent, RequestedTender } from '#subgraphs/payment/domain/events.ts'
import { evolve, isStanding, type Payment, type StandingPayment } from '#subgraphs/payment/domain/payment.ts'

export const AT = '2026-01-31T12:00:00.000Z'
export const ORDER = 'ord_0190a5b2-0000-7000-8000-000000000001'
export const CUSTOMER = 'cus_0190a5b2-0000-7000-8000-000000000002'

export function eur(minor: number): Money {
  return { minor, currency: 'EUR' }
}

export function card(tenderId: string, minor: number, token = 'tok_approve'): RequestedTender {
  return { tenderId, kind: 'CARD', token, amount: eur(minor) }
}

export function voucher(tenderId: string, minor: number): RequestedTender {
  return { tenderId, kind: 'VOUCHER', token: 'vch_gift', amount: eur(minor) }
}

export function requested(...tenders: RequestedTender[]): PaymentEvent {
  const amount = eur(tenders.reduce((sum, tender) => sum + tender.amount.minor, 0))
  return {
    type: 'PaymentRequested',
    data: { orderId: ORDER, customerId: CUSTOMER, amount, tenders, at: AT },
  }
}

export function tenderAuthorised(tenderId: string, minor: number): PaymentEvent {
  return {
    type: 'TenderAuthorised',
    data: { tenderId, amount: eur(minor), providerRef: `ref-${tenderId}`, at: AT },
  }
}

export function paymentAuthorised(minor: number): PaymentEvent {
  return {
    type: 'PaymentAuthorised',
    data: { orderId: ORDER, customerId: CUSTOMER, amount: eur(minor), at: AT },
  }
}

export function captureRequested(captureId: string, ...shares: [string, number][]): PaymentEvent {
  const amount = eur(shares.reduce((sum, [, minor]) => sum + minor, 0))
  return {
    type: 'CaptureRequested',
    data: {
      captureId,
      amount,
      shares: shares.map(([tenderId, minor]) => ({ tenderId, amount: eur(minor) })),
      at: AT,
    },
  }
}

export function tenderCaptured(captureId: string, tenderId: string, minor: number): PaymentEvent {
  return { type: 'TenderCaptured', data: { captureId, tenderId, amount: eur(minor), at: AT } }
}

export function paymentCaptured(captureId: string, minor: number): PaymentEvent {
  return { type: 'PaymentCaptured', data: { orderId: ORDER, captureId, amount: eur(minor), at: AT } }
}

export function refundRequested(refundId: string, ...shares: [string, number][]): PaymentEvent {
  const amount = eur(shares.reduce((sum, [, minor]) => sum + minor, 0))
  return {
    type: 'RefundRequested',
    data: {
      refundId,
      amount,
      shares: shares.map(([tenderId, minor]) => ({ tenderId, amount: eur(minor) })),
      at: AT,
    },
  }
}

export const voidRequested: PaymentEvent = { type: 'VoidRequested', data: { orderId: ORDER, at: AT } }

/** Returns a payment with one authorised card of 100.00. */
export const AUTHORISED = [
  requested(card('t1', 10_000)),
  tenderAuthorised('t1', 10_000),
  paymentAuthorised(10_000),
]

export function fold(events: readonly PaymentEvent[]): Payment {
  return events.reduce<Payment>(evolve, { phase: 'absent' })
}

export function standing(events: readonly PaymentEvent[]): StandingPayment {
  const payment = fold(events)
  if (!isStanding(payment)) throw new Error('the history does not request a payment')
  return payment
}

export function accepted(decision: Decision<PaymentEvent, PaymentRefusal>): readonly PaymentEvent[] {
  if ('refused' in decision) throw new Error(`refused: ${decision.refused.code}`)
  return decision.accepted
}

export function expectRefusal(decision: Decision<PaymentEvent, PaymentRefusal>, code: string): void {
  expect(decision).toMatchObject({ refused: { code } })
}
