// Resolves the object types of payment: Payment, its refused movements, and the fields that payment adds to Order.
import { isStaff, type Viewer } from '#platform/auth/viewer.ts'
import { siblingId } from '#platform/domain/ids.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { moneyOut } from '#platform/graphql/scalars.ts'
import type {
  RefusedMovement as GraphMovement,
  Payment as GraphPayment,
  Tender as GraphTender,
} from '#schema/generated/payment.ts'
import type { StandingPayment, Tender } from '#subgraphs/payment/domain/payment.ts'
import type { RefusedMovement } from '#subgraphs/payment/domain/refused-movement.ts'
import { paymentStatus, tenderTotals } from '#subgraphs/payment/domain/totals.ts'
import { loadVisiblePayment, type QueryDependencies } from '#subgraphs/payment/queries/loaders.ts'

export function createTypes(dependencies: QueryDependencies) {
  return {
    Payment: {
      async __resolveReference({ id }: { id: string }, context: RequestContext) {
        const payment = await loadVisiblePayment(dependencies, id, context)
        return payment ? paymentFields(payment, context.viewer) : null
      },
    },
    Order: {
      __resolveReference: ({ id }: { id: string }) => ({ id }),
      async payments({ id }: { id: string }, _: unknown, context: RequestContext) {
        const payment = await loadVisiblePayment(dependencies, siblingId('payment', id), context)
        return payment ? [paymentFields(payment, context.viewer)] : []
      },
    },
  }
}

/** The order's own fields are the orders subgraph's. */
type PaymentFields = Omit<GraphPayment, 'order' | 'refusedMovements'> & {
  readonly __typename: 'Payment'
  readonly order: { readonly __typename: 'Order'; readonly id: string }
  readonly refusedMovements: readonly MovementFields[] | null
}

/** Returns what the graph shows of a payment to the viewer: what the provider refused is for staff. */
export function paymentFields(payment: StandingPayment, viewer: Viewer | undefined): PaymentFields {
  const { orderId, currency, refused, createdAt, updatedAt } = payment
  const money = (minor: number) => moneyOut({ minor, currency })
  const { authorised, captured, refunded } = tenderTotals(payment)
  return {
    __typename: 'Payment',
    id: siblingId('payment', orderId),
    order: { __typename: 'Order', id: orderId },
    status: paymentStatus(payment),
    amount: money(payment.amount),
    authorised: money(authorised),
    captured: money(captured),
    refunded: money(refunded),
    tenders: payment.tenders.map(tender => tenderFields(tender, money)),
    declineReason: payment.decline?.message ?? null,
    refusedMovements: isStaff(viewer) ? refused.map(entry => movementFields(entry, orderId)) : null,
    createdAt,
    updatedAt,
  }
}

function tenderFields(tender: Tender, money: (minor: number) => GraphTender['amount']): GraphTender {
  return {
    id: tender.tenderId,
    kind: tender.kind,
    status: tender.status,
    amount: money(tender.amount),
    captured: money(tender.captured),
    refunded: money(tender.refunded),
  }
}

/** The order's own fields are the orders subgraph's. */
type MovementFields = Omit<GraphMovement, 'order'> & {
  readonly order: { readonly __typename: 'Order'; readonly id: string }
}

export function movementFields(movement: RefusedMovement, orderId: string): MovementFields {
  const { id, kind, status, amount, code, retryable, refusedAt, tries, underWay } = movement
  const { closedAt = null, closedBy = null, note = null } = movement
  return {
    ...{ id, kind, status, code, retryable, refusedAt, tries, underWay, closedAt, closedBy, note },
    orderId,
    order: { __typename: 'Order', id: orderId },
    amount: moneyOut(amount),
  }
}
