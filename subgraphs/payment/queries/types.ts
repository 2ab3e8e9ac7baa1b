// What the graph shows of a payment and its tenders. Free of decisions and storage.
import { isStaff, type Viewer } from '#platform/auth/viewer.ts'
import { siblingId } from '#platform/domain/ids.ts'
import { moneyOut } from '#platform/graphql/scalars.ts'
import type { Payment, Tender as TenderOut } from '#schema/generated/payment.ts'
import type { StandingPayment, Tender } from '#subgraphs/payment/domain/payment.ts'
import { paymentStatus, sums } from '#subgraphs/payment/domain/totals.ts'
import { type MovementOut, movementOut } from './movement-out.ts'

/** The order's own fields are the orders subgraph's. */
export type PaymentOut = Omit<Payment, 'order' | 'refusedMovements'> & {
  readonly __typename: 'Payment'
  readonly order: { readonly __typename: 'Order'; readonly id: string }
  readonly refusedMovements: readonly MovementOut[] | null
}

/** What the provider refused is for staff. */
export function paymentOut(payment: StandingPayment, viewer: Viewer | undefined): PaymentOut {
  const { orderId, currency, refused, createdAt, updatedAt } = payment
  const money = (minor: number) => moneyOut({ minor, currency })
  const { authorised, captured, refunded } = sums(payment)
  return {
    __typename: 'Payment',
    id: siblingId('payment', orderId),
    order: { __typename: 'Order', id: orderId },
    status: paymentStatus(payment),
    amount: money(payment.amount),
    authorised: money(authorised),
    captured: money(captured),
    refunded: money(refunded),
    tenders: payment.tenders.map(tender => tenderOut(tender, money)),
    declineReason: payment.decline?.message ?? null,
    refusedMovements: isStaff(viewer) ? refused.map(entry => movementOut(entry, orderId)) : null,
    createdAt,
    updatedAt,
  }
}

function tenderOut(tender: Tender, money: (minor: number) => TenderOut['amount']): TenderOut {
  return {
    id: tender.tenderId,
    kind: tender.kind,
    status: tender.status,
    amount: money(tender.amount),
    captured: money(tender.captured),
    refunded: money(tender.refunded),
  }
}
