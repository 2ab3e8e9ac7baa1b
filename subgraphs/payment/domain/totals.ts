// What a payment comes to: its status and its sums, derived from the tenders. Free of I/O.
import type { StandingPayment, Tender } from '#subgraphs/payment/domain/payment.ts'

export type PaymentStatus =
  | 'REQUESTED'
  | 'AWAITING_APPROVAL'
  | 'AUTHORISED'
  | 'DECLINED'
  | 'PARTIALLY_CAPTURED'
  | 'CAPTURED'
  | 'VOIDED'
  | 'PARTIALLY_REFUNDED'
  | 'REFUNDED'

/** Minor units. `authorised` is what is held now: what has been let go no longer counts. */
type TenderTotals = {
  readonly authorised: number
  readonly captured: number
  readonly refunded: number
}

type Derived = Pick<StandingPayment, 'phase' | 'tenders' | 'authorisedAt'>

export function tenderTotals({ tenders }: Pick<StandingPayment, 'tenders'>): TenderTotals {
  const total = (pick: (tender: Tender) => number) => tenders.reduce((sum, tender) => sum + pick(tender), 0)
  return {
    authorised: total(tender => tender.held),
    captured: total(tender => tender.captured),
    refunded: total(tender => tender.refunded),
  }
}

/** Captured and refunded in full means: all that is still held, so a void of the rest completes it. */
export function paymentStatus(payment: Derived): PaymentStatus {
  const { authorised, captured, refunded } = tenderTotals(payment)
  if (refunded > 0)
    return refunded === captured && captured === authorised ? 'REFUNDED' : 'PARTIALLY_REFUNDED'
  if (captured > 0) return captured === authorised ? 'CAPTURED' : 'PARTIALLY_CAPTURED'
  switch (payment.phase) {
    case 'declined':
      return 'DECLINED'
    case 'voided':
      return 'VOIDED'
    case 'authorised':
      return 'AUTHORISED'
    case 'requested':
    case 'voiding':
      return payment.authorisedAt !== undefined ? 'AUTHORISED' : beforeAuthorisation(payment)
  }
}

function beforeAuthorisation({ tenders }: Derived): PaymentStatus {
  const asked = tenders.every(tender => tender.status !== 'REQUESTED')
  return asked && tenders.some(tender => tender.awaited) ? 'AWAITING_APPROVAL' : 'REQUESTED'
}
