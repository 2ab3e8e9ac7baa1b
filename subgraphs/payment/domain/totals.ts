// Derives a payment's status and its totals from the tenders.
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

/** Returns sums in minor units. `authorised` is what is held now; voided amounts no longer count. */
export function tenderTotals({ tenders }: StandingPayment) {
  const total = (pick: (tender: Tender) => number) => tenders.reduce((sum, tender) => sum + pick(tender), 0)
  return {
    authorised: total(tender => tender.held),
    captured: total(tender => tender.captured),
    refunded: total(tender => tender.refunded),
  }
}

/** A payment counts as captured or refunded in full when all that is still held is, so a void of the rest completes it. */
export function paymentStatus(payment: StandingPayment): PaymentStatus {
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

function beforeAuthorisation({ tenders }: StandingPayment): PaymentStatus {
  const isRequested = tenders.every(tender => tender.status !== 'REQUESTED')
  return isRequested && tenders.some(tender => tender.awaited) ? 'AWAITING_APPROVAL' : 'REQUESTED'
}
