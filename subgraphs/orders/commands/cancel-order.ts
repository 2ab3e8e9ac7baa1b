// Asking to cancel an order, and waiting for the end of that if asked to. Free of GraphQL.
import { mayActFor, type Viewer } from '#platform/auth/viewer.ts'
import { type Refusal, refuse } from '#platform/domain/decision.ts'
import type { CommandContext } from '#platform/event-store/aggregate.ts'
import type { OrdersDesk } from '#subgraphs/orders/commands/dependencies.ts'
import { settle } from '#subgraphs/orders/commands/follow-order.ts'
import type { Order, OrderStatus, PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import {
  NOT_FOUND,
  type OrderDecision,
  requestCancellation,
  tooLateToCancel,
} from '#subgraphs/orders/domain/order-commands.ts'

export type CancelOrder = {
  readonly orderId: string
  readonly viewer: Viewer
  readonly context: CommandContext
  readonly settleWithinMs: number
}

export type CancellationAnswer =
  | { readonly is: 'OrderCancellation'; readonly order: PlacedOrder }
  | (Refusal & { readonly is: 'CannotCancel'; readonly status: OrderStatus | null })

type CancellingDesk = Pick<OrdersDesk, 'orders' | 'settlements' | 'head' | 'now'>

/** Somebody else's order is refused as one that is not there. What is told follows the order's state by then. */
export async function cancelOrder(
  desk: CancellingDesk,
  { orderId, viewer, context, settleWithinMs }: CancelOrder,
): Promise<{ readonly answer: CancellationAnswer; readonly position: number }> {
  using watch = settleWithinMs > 0 ? await desk.settlements.watch(orderId) : undefined
  const deadline = Date.now() + settleWithinMs
  const at = desk.now().toISOString()
  const handled = await desk.orders.handle(orderId, context, order =>
    ownedBy(viewer, order, () => requestCancellation(order, { at })),
  )
  const { state: order, version } = await desk.orders.load(orderId)
  if (order.status === 'ABSENT' || !mayActFor(viewer, order.customer.id))
    return { answer: { is: 'CannotCancel', ...NOT_FOUND, status: null }, position: handled.position }
  if (handled.status === 'refused')
    return {
      answer: { is: 'CannotCancel', ...handled.refusal, status: order.status },
      position: handled.position,
    }
  const position = handled.repeated ? await desk.head() : handled.position
  const settled = await settle(watch, { order, version, position }, isDecided, deadline)
  return { answer: answerFor(settled.order), position: settled.position }
}

/** What `decide` says, if the viewer may act on the order; otherwise there is no such order. */
export function ownedBy(viewer: Viewer, order: Order, decide: () => OrderDecision): OrderDecision {
  return order.status !== 'ABSENT' && mayActFor(viewer, order.customer.id) ? decide() : refuse(NOT_FOUND)
}

function isDecided(order: PlacedOrder): boolean {
  return order.status === 'CANCELLED' || !order.cancellationRequested
}

function answerFor(order: PlacedOrder): CancellationAnswer {
  return order.status === 'CANCELLED' || order.cancellationRequested
    ? { is: 'OrderCancellation', order }
    : { is: 'CannotCancel', ...tooLateToCancel(order), status: order.status }
}
