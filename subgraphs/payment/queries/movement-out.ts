// What the graph shows of a refused movement. Free of decisions and storage.
import { moneyOut } from '#platform/graphql/scalars.ts'
import type { RefusedMovement as RefusedMovementOut } from '#schema/generated/payment.ts'
import type { RefusedMovement } from '#subgraphs/payment/domain/refused-movement.ts'

/** The order's own fields are the orders subgraph's. */
export type MovementOut = Omit<RefusedMovementOut, 'order'> & {
  readonly order: { readonly __typename: 'Order'; readonly id: string }
}

export function movementOut(movement: RefusedMovement, orderId: string): MovementOut {
  const { id, kind, status, amount, code, retryable, refusedAt, tries, underWay } = movement
  const { closedAt = null, closedBy = null, note = null } = movement
  return {
    ...{ id, kind, status, code, retryable, refusedAt, tries, underWay, closedAt, closedBy, note },
    orderId,
    order: { __typename: 'Order', id: orderId },
    amount: moneyOut(amount),
  }
}
