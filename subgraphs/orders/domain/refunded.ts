// What an order's customer got back so far. Free of I/O.
import type { Money } from '#platform/domain/money.ts'
import type { PlacedOrder } from '#subgraphs/orders/domain/order.ts'

/** What was given back to the customer, as the order was told: for losses, returns, goods called back and late payments. */
export function refundedSoFar({ total, shipments, returns, refunds = [] }: PlacedOrder): Money {
  const given = [
    ...shipments.flatMap(({ refund }) => refund ?? []),
    ...returns.flatMap(({ status, refund }) => (status === 'REFUNDED' ? [refund] : [])),
    ...refunds.map(({ refund }) => refund),
  ]
  return { minor: given.reduce((sum, { minor }) => sum + minor, 0), currency: total.currency }
}
