// Requests the cancellation of an order, and waits for its outcome if the caller wants it.
import { mayActFor, type Viewer } from '#platform/auth/viewer.ts'
import { type Refusal, refuse } from '#platform/domain/decision.ts'
import type { CommandContext } from '#platform/event-store/aggregate.ts'
import type { CommandDependencies } from '#subgraphs/orders/commands/dependencies.ts'
import { followOrder } from '#subgraphs/orders/commands/order-watch.ts'
import type { OrderStatus } from '#subgraphs/orders/domain/events.ts'
import type { Order, PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import {
  NOT_FOUND,
  type OrderDecision,
  requestCancellation,
  tooLateToCancel,
} from '#subgraphs/orders/domain/order-commands.ts'

type CancelOrder = {
  readonly orderId: string
  readonly viewer: Viewer
  readonly context: CommandContext
  readonly settleWithinMs: number
}

type CancellationResult =
  | { readonly is: 'OrderCancellation'; readonly order: PlacedOrder }
  | (Refusal & { readonly is: 'CannotCancel'; readonly status: OrderStatus | null })

/** Refuses somebody else's order as one that is not there. The result is made of the order as it is after the wait. */
export async function cancelOrder(
  { orders, watches, head, now }: CommandDependencies,
  { orderId, viewer, context, settleWithinMs }: CancelOrder,
): Promise<{ readonly result: CancellationResult; readonly position: number }> {
  using watch = await watches.watch(orderId, settleWithinMs)
  const at = now().toISOString()
  const handled = await orders.handle(orderId, context, order =>
    ownedBy(viewer, order, () => requestCancellation(order, { at })),
  )
  const { state: order, version } = await orders.load(orderId)
  if (order.status === 'ABSENT' || !mayActFor(viewer, order.customer.id))
    return { result: { is: 'CannotCancel', ...NOT_FOUND, status: null }, position: handled.position }
  if (handled.status === 'refused')
    return {
      result: { is: 'CannotCancel', ...handled.refusal, status: order.status },
      position: handled.position,
    }
  const position = handled.repeated ? await head() : handled.position
  const decided = await followOrder(watch, { order, version, position }, isDecided)
  return { result: resultOf(decided.order), position: decided.position }
}

/** Decides if the viewer may act on the order; otherwise refuses it as one that is not there. */
export function ownedBy(viewer: Viewer, order: Order, decide: () => OrderDecision): OrderDecision {
  return order.status !== 'ABSENT' && mayActFor(viewer, order.customer.id) ? decide() : refuse(NOT_FOUND)
}

function isDecided(order: PlacedOrder): boolean {
  return order.status === 'CANCELLED' || !order.cancellationRequested
}

function resultOf(order: PlacedOrder): CancellationResult {
  return order.status === 'CANCELLED' || order.cancellationRequested
    ? { is: 'OrderCancellation', order }
    : { is: 'CannotCancel', ...tooLateToCancel(order), status: order.status }
}
