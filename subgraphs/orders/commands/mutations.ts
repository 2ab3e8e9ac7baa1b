// Resolves the mutations of orders: authorises the caller, checks the input, executes the command, maps the result.
import { requireRole, requireViewer } from '#platform/auth/viewer.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { newId } from '#platform/domain/ids.ts'
import { isObject } from '#platform/domain/json.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { commandContext } from '#platform/subgraph/command-context.ts'
import { checkId } from '#platform/subgraph/input.ts'
import { counter } from '#platform/telemetry/metrics.ts'
import type {
  CancelOrderInput,
  DecideReturnInput,
  PlaceOrderInput,
  RegisterCustomerInput,
  RequestReturnInput,
} from '#schema/generated/orders.ts'
import { cancelOrder } from '#subgraphs/orders/commands/cancel-order.ts'
import type { CommandDependencies } from '#subgraphs/orders/commands/dependencies.ts'
import {
  readCustomer,
  readPlacement,
  readReturn,
  readSettleWithin,
} from '#subgraphs/orders/commands/input.ts'
import { placeOrder } from '#subgraphs/orders/commands/place-order.ts'
import { handleReturn, type ReturnOutcome } from '#subgraphs/orders/commands/returns.ts'
import { type RegisteredCustomer, register } from '#subgraphs/orders/domain/customer.ts'
import { receiveReturn, rejectReturn, requestReturn } from '#subgraphs/orders/domain/returns.ts'

type Args<Input> = { readonly input: Input }

export function createMutations(dependencies: CommandDependencies) {
  const placements = counter('waybill_placements_total', 'Answers to placeOrder, by what was answered', [
    'answer',
  ])
  return {
    registerCustomer: (_: unknown, { input }: Args<RegisterCustomerInput>, context: RequestContext) =>
      registerCustomer(dependencies, input, context),

    async placeOrder(_: unknown, { input }: Args<PlaceOrderInput>, context: RequestContext) {
      const viewer = requireViewer(context.viewer)
      const { idempotencyKey } = input
      const request = readPlacement(input, viewer)
      const { inventory } = context.consistency.required
      const { result, position } = await placeOrder(dependencies, {
        request,
        context: commandContext(context, { mutation: 'placeOrder', idempotencyKey, body: request }),
        settleWithinMs: readSettleWithin(input.settleWithinMs),
        ...(inventory !== undefined && { inventoryPosition: inventory }),
      })
      placements.inc({ answer: result.is })
      return toUnion(context, result, position)
    },

    async cancelOrder(_: unknown, { input }: Args<CancelOrderInput>, context: RequestContext) {
      const viewer = requireViewer(context.viewer)
      const { idempotencyKey } = input
      const orderId = checkId('orderId', 'order', input.orderId)
      const { result, position } = await cancelOrder(dependencies, {
        orderId,
        viewer,
        context: commandContext(context, { mutation: 'cancelOrder', idempotencyKey, body: { orderId } }),
        settleWithinMs: readSettleWithin(input.settleWithinMs),
      })
      return toUnion(context, result, position)
    },

    async requestReturn(_: unknown, { input }: Args<RequestReturnInput>, context: RequestContext) {
      const viewer = requireViewer(context.viewer)
      const { idempotencyKey } = input
      const body = readReturn(input)
      const { orderId, ...goods } = body
      const outcome = await handleReturn(dependencies, {
        orderId,
        returnId: newId('return'),
        viewer,
        context: commandContext(context, { mutation: 'requestReturn', idempotencyKey, body }),
        decide: (order, command) => requestReturn(order, { ...command, ...goods }),
      })
      return returnToUnion(context, 'ReturnRequested', outcome)
    },

    receiveReturn: (_: unknown, { input }: Args<DecideReturnInput>, context: RequestContext) =>
      decideReturn(dependencies, { input, mutation: 'receiveReturn', decide: receiveReturn }, context),

    rejectReturn: (_: unknown, { input }: Args<DecideReturnInput>, context: RequestContext) =>
      decideReturn(dependencies, { input, mutation: 'rejectReturn', decide: rejectReturn }, context),
  }
}

async function registerCustomer(
  { customers, now }: CommandDependencies,
  input: RegisterCustomerInput,
  context: RequestContext,
): Promise<RegisteredCustomer> {
  const viewer = requireViewer(context.viewer)
  const { id: givenId, name, email } = readCustomer(input, viewer)
  const { idempotencyKey } = input
  const customerId = givenId ?? newId('customer')
  const at = now().toISOString()
  const body = { customerId: givenId ?? null, name, email }
  const handled = await customers.handle(
    customerId,
    commandContext(context, { mutation: 'registerCustomer', idempotencyKey, body }),
    customer => register(customer, { customerId, name, email, at }),
    { customerId },
  )
  context.consistency.reached('orders', handled.position)
  const outcome = handled.status === 'accepted' ? handled.outcome : null
  const id = isObject(outcome) ? outcome.customerId : null
  const { state } = await customers.load(String(id))
  if (state.status === 'ABSENT')
    throw new OperatorError('CUSTOMER_LOST', `customer ${id} was registered and is not there`)
  return state
}

type ReturnDecision = Args<DecideReturnInput> & {
  readonly mutation: string
  readonly decide: typeof receiveReturn
}

async function decideReturn(
  dependencies: CommandDependencies,
  { input, mutation, decide }: ReturnDecision,
  context: RequestContext,
) {
  const viewer = requireRole(context.viewer, 'support', 'ops', 'service')
  const orderId = checkId('orderId', 'order', input.orderId)
  const returnId = checkId('returnId', 'return', input.returnId)
  const { idempotencyKey } = input
  const command = commandContext(context, { mutation, idempotencyKey, body: { orderId, returnId } })
  const outcome = await handleReturn(dependencies, { orderId, returnId, viewer, context: command, decide })
  return returnToUnion(context, 'ReturnDecided', outcome)
}

function toUnion<Result extends { readonly is: string }>(
  { consistency }: RequestContext,
  { is, ...result }: Result,
  position: number,
) {
  consistency.reached('orders', position)
  return { __typename: is, ...result }
}

function returnToUnion(context: RequestContext, is: string, { result, position }: ReturnOutcome) {
  return result.status === 'refused'
    ? toUnion(context, { is: 'CannotReturn', ...result.refusal, status: result.orderStatus }, position)
    : toUnion(context, { is, order: result.order, return: result.return }, position)
}
