// Executes the commands on returns: request, receive, reject.
import { mayActFor, type Viewer } from '#platform/auth/viewer.ts'
import type { Refusal } from '#platform/domain/decision.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { newId } from '#platform/domain/ids.ts'
import { isObject, type Json } from '#platform/domain/json.ts'
import type { CommandContext, CommandResult } from '#platform/event-store/aggregate.ts'
import { ownedBy } from '#subgraphs/orders/commands/cancel-order.ts'
import type { CommandDependencies } from '#subgraphs/orders/commands/dependencies.ts'
import type { OrderStatus, SkuQuantity } from '#subgraphs/orders/domain/events.ts'
import type { OrderReturn, PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import { receiveReturn, rejectReturn, requestReturn } from '#subgraphs/orders/domain/returns.ts'

type ReturnCommand = { readonly orderId: string; readonly viewer: Viewer; readonly context: CommandContext }
type Dependencies = Pick<CommandDependencies, 'orders' | 'head' | 'now'>

type ReturnResult =
  | { readonly status: 'accepted'; readonly order: PlacedOrder; readonly return: OrderReturn }
  | { readonly status: 'refused'; readonly refusal: Refusal; readonly orderStatus: OrderStatus | null }
export type ReturnOutcome = { readonly result: ReturnResult; readonly position: number }

export async function requestGoodsReturn(
  dependencies: Dependencies,
  {
    orderId,
    viewer,
    context,
    lines,
    reason,
  }: ReturnCommand & { lines: readonly SkuQuantity[]; reason: string },
): Promise<ReturnOutcome> {
  const returnId = newId('return')
  const at = dependencies.now().toISOString()
  const handled = await dependencies.orders.handle(
    orderId,
    context,
    order => ownedBy(viewer, order, () => requestReturn(order, { returnId, lines, reason, at })),
    { returnId },
  )
  return outcomeOf(dependencies, { orderId, viewer }, handled)
}

const DECISIONS = { receive: receiveReturn, reject: rejectReturn }

export async function decideReturn(
  dependencies: Dependencies,
  {
    orderId,
    viewer,
    context,
    returnId,
    decision,
  }: ReturnCommand & { returnId: string; decision: 'receive' | 'reject' },
): Promise<ReturnOutcome> {
  const at = dependencies.now().toISOString()
  const handled = await dependencies.orders.handle(
    orderId,
    context,
    order => ownedBy(viewer, order, () => DECISIONS[decision](order, { returnId, at })),
    { returnId },
  )
  return outcomeOf(dependencies, { orderId, viewer }, handled)
}

/** Returns the order as it is now. A refusal names its status only to those who may see it. */
async function outcomeOf(
  dependencies: Dependencies,
  { orderId, viewer }: Pick<ReturnCommand, 'orderId' | 'viewer'>,
  handled: CommandResult<Refusal>,
): Promise<ReturnOutcome> {
  const { state } = await dependencies.orders.load(orderId)
  const position = handled.repeated ? await dependencies.head() : handled.position
  if (handled.status === 'refused') {
    const isVisible = state.status !== 'ABSENT' && mayActFor(viewer, state.customer.id)
    const orderStatus = isVisible ? state.status : null
    return { result: { status: 'refused', refusal: handled.refusal, orderStatus }, position }
  }
  const returnId = returnIdIn(handled.outcome)
  const found =
    state.status === 'ABSENT' ? undefined : state.returns.find(entry => entry.returnId === returnId)
  if (state.status === 'ABSENT' || !found)
    throw new OperatorError('RETURN_LOST', `${returnId} was accepted and is not in ${orderId}`)
  return { result: { status: 'accepted', order: state, return: found }, position }
}

function returnIdIn(outcome: Json): string {
  const id = isObject(outcome) ? outcome.returnId : null
  if (typeof id === 'string') return id
  throw new OperatorError('COMMAND_NOT_OURS', 'a command on a return was answered without its id')
}
