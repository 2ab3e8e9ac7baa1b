// Executes the commands on returns: request, receive, reject.
import { mayActFor, type Viewer } from '#platform/auth/viewer.ts'
import type { Refusal } from '#platform/domain/decision.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { isObject, type Json } from '#platform/domain/json.ts'
import type { CommandContext } from '#platform/event-store/aggregate.ts'
import { ownedBy } from '#subgraphs/orders/commands/cancel-order.ts'
import type { CommandDependencies } from '#subgraphs/orders/commands/dependencies.ts'
import type { OrderStatus } from '#subgraphs/orders/domain/events.ts'
import type { Order, OrderReturn, PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import type { OrderDecision } from '#subgraphs/orders/domain/order-commands.ts'

type ReturnCommand = {
  readonly orderId: string
  readonly returnId: string
  readonly viewer: Viewer
  readonly context: CommandContext
  readonly decide: (order: Order, command: { returnId: string; at: string }) => OrderDecision
}

type ReturnResult =
  | { readonly status: 'accepted'; readonly order: PlacedOrder; readonly return: OrderReturn }
  | { readonly status: 'refused'; readonly refusal: Refusal; readonly orderStatus: OrderStatus | null }
export type ReturnOutcome = { readonly result: ReturnResult; readonly position: number }

/** Returns the order as it is now. A refusal names its status only to those who may see it. */
export async function handleReturn(
  { orders, head, now }: CommandDependencies,
  { orderId, returnId, viewer, context, decide }: ReturnCommand,
): Promise<ReturnOutcome> {
  const command = { returnId, at: now().toISOString() }
  const handled = await orders.handle(
    orderId,
    context,
    order => ownedBy(viewer, order, () => decide(order, command)),
    { returnId },
  )
  const { state } = await orders.load(orderId)
  const position = handled.repeated ? await head() : handled.position
  if (handled.status === 'refused') {
    const isVisible = state.status !== 'ABSENT' && mayActFor(viewer, state.customer.id)
    const orderStatus = isVisible ? state.status : null
    return { result: { status: 'refused', refusal: handled.refusal, orderStatus }, position }
  }
  const acceptedId = returnIdIn(handled.outcome)
  const found =
    state.status === 'ABSENT' ? undefined : state.returns.find(entry => entry.returnId === acceptedId)
  if (state.status === 'ABSENT' || !found)
    throw new OperatorError('RETURN_LOST', `${acceptedId} was accepted and is not in ${orderId}`)
  return { result: { status: 'accepted', order: state, return: found }, position }
}

function returnIdIn(outcome: Json): string {
  const id = isObject(outcome) ? outcome.returnId : null
  if (typeof id === 'string') return id
  throw new OperatorError('COMMAND_NOT_OURS', 'a command on a return was answered without its id')
}
