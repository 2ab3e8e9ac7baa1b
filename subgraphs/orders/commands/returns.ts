// The commands on returns: ask for one, receive it, reject it. Free of GraphQL.
import { mayActFor, type Viewer } from '#platform/auth/viewer.ts'
import type { Refusal } from '#platform/domain/decision.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { newId } from '#platform/domain/ids.ts'
import type { Json } from '#platform/domain/json.ts'
import type { CommandContext, CommandResult } from '#platform/event-store/aggregate.ts'
import { ownedBy } from '#subgraphs/orders/commands/cancel-order.ts'
import type { OrdersDesk } from '#subgraphs/orders/commands/dependencies.ts'
import type { OrderReturn, OrderStatus, PlacedOrder, SkuQuantity } from '#subgraphs/orders/domain/order.ts'
import { receiveReturn, rejectReturn, requestReturn } from '#subgraphs/orders/domain/returns.ts'

type Asked = { readonly orderId: string; readonly viewer: Viewer; readonly context: CommandContext }
type ReturningDesk = Pick<OrdersDesk, 'orders' | 'head' | 'now'>

export type ReturnAnswer =
  | { readonly status: 'accepted'; readonly order: PlacedOrder; readonly return: OrderReturn }
  | { readonly status: 'refused'; readonly refusal: Refusal; readonly orderStatus: OrderStatus | null }
export type Returned = { readonly answer: ReturnAnswer; readonly position: number }

export async function askForReturn(
  desk: ReturningDesk,
  { orderId, viewer, context, lines, reason }: Asked & { lines: readonly SkuQuantity[]; reason: string },
): Promise<Returned> {
  const returnId = newId('return')
  const at = desk.now().toISOString()
  const handled = await desk.orders.handle(
    orderId,
    context,
    order => ownedBy(viewer, order, () => requestReturn(order, { returnId, lines, reason, at })),
    { returnId },
  )
  return answer(desk, { orderId, viewer }, handled)
}

const DECISIONS = { receive: receiveReturn, reject: rejectReturn }

export async function decideOnReturn(
  desk: ReturningDesk,
  {
    orderId,
    viewer,
    context,
    returnId,
    decision,
  }: Asked & { returnId: string; decision: 'receive' | 'reject' },
): Promise<Returned> {
  const at = desk.now().toISOString()
  const handled = await desk.orders.handle(
    orderId,
    context,
    order => ownedBy(viewer, order, () => DECISIONS[decision](order, { returnId, at })),
    { returnId },
  )
  return answer(desk, { orderId, viewer }, handled)
}

/** The order comes as it is now; a refusal tells of it only to whom it belongs. */
async function answer(
  desk: ReturningDesk,
  { orderId, viewer }: Pick<Asked, 'orderId' | 'viewer'>,
  handled: CommandResult<Refusal>,
): Promise<Returned> {
  const { state } = await desk.orders.load(orderId)
  const position = handled.repeated ? await desk.head() : handled.position
  if (handled.status === 'refused') {
    const isVisible = state.status !== 'ABSENT' && mayActFor(viewer, state.customer.id)
    const orderStatus = isVisible ? state.status : null
    return { answer: { status: 'refused', refusal: handled.refusal, orderStatus }, position }
  }
  const returnId = returnIdIn(handled.outcome)
  const found =
    state.status === 'ABSENT' ? undefined : state.returns.find(entry => entry.returnId === returnId)
  if (state.status === 'ABSENT' || !found)
    throw new OperatorError('RETURN_LOST', `${returnId} was accepted and is not in ${orderId}`)
  return { answer: { status: 'accepted', order: state, return: found }, position }
}

function returnIdIn(outcome: Json): string {
  const id =
    outcome !== null && typeof outcome === 'object' && 'returnId' in outcome ? outcome.returnId : null
  if (typeof id === 'string') return id
  throw new OperatorError('COMMAND_NOT_OURS', 'a command on a return was answered without its id')
}
