// What a payment still wants from the provider: recorded intents without a recorded answer. Free of I/O.
import type { Money } from '#platform/domain/money.ts'
import {
  isStanding,
  type Payment,
  type StandingPayment,
  type Tender,
  type TenderKind,
} from '#subgraphs/payment/domain/payment.ts'

/** One call to the provider, wholly described by the payment's history: whoever repeats it repeats it exactly. */
export type Operation =
  | {
      readonly kind: 'authorise'
      readonly tenderId: string
      readonly tenderKind: TenderKind
      readonly token: string
      readonly amount: Money
    }
  | {
      readonly kind: 'capture' | 'refund'
      readonly moveId: string
      readonly tenderId: string
      readonly amount: Money
    }
  | { readonly kind: 'void'; readonly tenderId: string }
  | { readonly kind: 'void-late'; readonly tenderId: string; readonly providerRef: string }

/** Operations that can go out now, side by side. A void waits for the captures that were asked for before it. */
export function outstanding(payment: Payment): Operation[] {
  if (!isStanding(payment)) return []
  const authorisations = payment.phase === 'requested' ? payment.tenders.filter(unasked) : []
  return [
    ...authorisations.map(tender => authorisation(payment, tender)),
    ...movements(payment, 'capture'),
    ...movements(payment, 'refund'),
    ...toRelease(payment).map(({ tenderId }): Operation => ({ kind: 'void', tenderId })),
    ...payment.tenders.flatMap(lateApprovals),
  ]
}

/** Tenders that a declined or void payment has yet to let go of. */
export function toRelease(payment: StandingPayment): Tender[] {
  const letsGo = payment.phase === 'declined' || payment.phase === 'voiding'
  if (!letsGo || payment.captures.length > 0) return []
  return payment.tenders.filter(
    tender =>
      tender.status === 'REQUESTED' || tender.status === 'AWAITING_APPROVAL' || uncaptured(tender) > 0,
  )
}

export function uncaptured(tender: Tender): number {
  return tender.held - tender.captured
}

/** The provider's idempotency key of an operation: the same for ever, and no other operation has it. */
export function operationKey(paymentId: string, operation: Operation): string {
  const base = `${paymentId}:${operation.tenderId}:${operation.kind}`
  switch (operation.kind) {
    case 'authorise':
    case 'void':
      return base
    case 'capture':
    case 'refund':
      return `${base}:${operation.moveId}`
    case 'void-late':
      return `${base}:${operation.providerRef}`
  }
}

function unasked(tender: Tender): boolean {
  return tender.status === 'REQUESTED'
}

function authorisation({ currency }: StandingPayment, tender: Tender): Operation {
  return {
    kind: 'authorise',
    tenderId: tender.tenderId,
    tenderKind: tender.kind,
    token: tender.token,
    amount: { minor: tender.amount, currency },
  }
}

function movements(payment: StandingPayment, kind: 'capture' | 'refund'): Operation[] {
  const moves = kind === 'capture' ? payment.captures : payment.refunds
  return moves.flatMap(({ id, shares }) =>
    shares.map(({ tenderId, amount }) => ({
      kind,
      moveId: id,
      tenderId,
      amount: { minor: amount, currency: payment.currency },
    })),
  )
}

function lateApprovals({ tenderId, late }: Tender): Operation[] {
  return late
    .filter(({ voided }) => !voided)
    .map(({ providerRef }) => ({ kind: 'void-late', tenderId, providerRef }))
}
