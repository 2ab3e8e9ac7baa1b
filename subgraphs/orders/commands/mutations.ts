// The mutations of orders: authorise, check, carry out, map. Free of rules about orders.
import { requireRole, requireViewer, type Viewer } from '#platform/auth/viewer.ts'
import { CallerError, OperatorError } from '#platform/domain/errors.ts'
import { newId } from '#platform/domain/ids.ts'
import type { JsonObject } from '#platform/domain/json.ts'
import type { CommandContext } from '#platform/event-store/aggregate.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import {
  checkCount,
  checkEmail,
  checkId,
  checkInt,
  checkKey,
  checkSku,
  checkText,
} from '#platform/subgraph/input.ts'
import { counter } from '#platform/telemetry/metrics.ts'
import type {
  CancelOrderInput,
  DecideReturnInput,
  PlaceOrderInput,
  RegisterCustomerInput,
  RequestReturnInput,
} from '#schema/generated/orders.ts'
import { cancelOrder } from '#subgraphs/orders/commands/cancel-order.ts'
import type { OrdersDesk } from '#subgraphs/orders/commands/dependencies.ts'
import { readPlacement, readSettleWithin } from '#subgraphs/orders/commands/input.ts'
import { placeOrder } from '#subgraphs/orders/commands/place-order.ts'
import { askForReturn, decideOnReturn, type Returned } from '#subgraphs/orders/commands/returns.ts'
import { type RegisteredCustomer, register } from '#subgraphs/orders/domain/customer.ts'
import { unitsBySku } from '#subgraphs/orders/domain/order.ts'

type Asked<Input> = { readonly input: Input }

export function mutations(desk: OrdersDesk) {
  const placements = counter('waybill_placements_total', 'Answers to placeOrder, by what was answered', [
    'answer',
  ])
  return {
    registerCustomer: (_: unknown, { input }: Asked<RegisterCustomerInput>, context: RequestContext) =>
      registerCustomer(desk, input, context),

    async placeOrder(_: unknown, { input }: Asked<PlaceOrderInput>, context: RequestContext) {
      const viewer = requireViewer(context.viewer)
      const request = readPlacement(input, viewer)
      const { inventory } = context.consistency.required
      const { answer, position } = await placeOrder(desk, {
        request,
        context: commandOf(context, viewer, { name: 'placeOrder', key: input.idempotencyKey, body: request }),
        settleWithinMs: readSettleWithin(input.settleWithinMs),
        ...(inventory !== undefined && { inventoryPosition: inventory }),
      })
      placements.inc({ answer: answer.is })
      return answered(context, answer, position)
    },

    async cancelOrder(_: unknown, { input }: Asked<CancelOrderInput>, context: RequestContext) {
      const viewer = requireViewer(context.viewer)
      const orderId = checkId('orderId', 'order', input.orderId)
      const { answer, position } = await cancelOrder(desk, {
        orderId,
        viewer,
        context: commandOf(context, viewer, {
          name: 'cancelOrder',
          key: input.idempotencyKey,
          body: { orderId },
        }),
        settleWithinMs: readSettleWithin(input.settleWithinMs),
      })
      return answered(context, answer, position)
    },

    async requestReturn(_: unknown, { input }: Asked<RequestReturnInput>, context: RequestContext) {
      const viewer = requireViewer(context.viewer)
      const request = readReturn(input)
      const { orderId } = request
      const command = commandOf(context, viewer, {
        name: 'requestReturn',
        key: input.idempotencyKey,
        body: request,
      })
      const returned = await askForReturn(desk, { ...request, orderId, viewer, context: command })
      return answeredReturn(context, 'ReturnRequested', returned)
    },

    receiveReturn: (_: unknown, { input }: Asked<DecideReturnInput>, context: RequestContext) =>
      decideReturn(desk, input, context, 'receive'),

    rejectReturn: (_: unknown, { input }: Asked<DecideReturnInput>, context: RequestContext) =>
      decideReturn(desk, input, context, 'reject'),
  }
}

async function registerCustomer(
  { customers, now }: OrdersDesk,
  input: RegisterCustomerInput,
  context: RequestContext,
): Promise<RegisteredCustomer> {
  const viewer = requireViewer(context.viewer)
  const given = customerIdFor(input, viewer)
  const name = checkText('name', input.name, 200)
  const email = checkEmail('email', input.email)
  const customerId = given ?? newId('customer')
  const at = now().toISOString()
  const body = { customerId: given ?? null, name, email }
  const handled = await customers.handle(
    customerId,
    commandOf(context, viewer, { name: 'registerCustomer', key: input.idempotencyKey, body }),
    customer => register(customer, { customerId, name, email, at }),
    { customerId },
  )
  context.consistency.reached('orders', handled.position)
  const outcome = handled.status === 'accepted' ? handled.outcome : null
  const id =
    outcome !== null && typeof outcome === 'object' && 'customerId' in outcome ? outcome.customerId : null
  const { state } = await customers.load(String(id))
  if (state.status === 'ABSENT')
    throw new OperatorError('CUSTOMER_LOST', `customer ${id} was registered and is not there`)
  return state
}

/** Undefined when staff leaves it to us. */
function customerIdFor({ id }: RegisterCustomerInput, viewer: Viewer): string | undefined {
  if (viewer.role !== 'customer') return id ? checkId('id', 'customer', id) : undefined
  if (id && id !== viewer.subject)
    throw new CallerError('FORBIDDEN', 'id: only staff may give this; a customer registers itself')
  return checkId("the token's subject", 'customer', viewer.subject)
}

function readReturn({ orderId, lines, reason }: RequestReturnInput) {
  const units = checkCount('lines', lines, 1, 100).map(({ sku, quantity }, index) => ({
    sku: checkSku(`lines[${index}].sku`, sku),
    quantity: checkInt(`lines[${index}].quantity`, quantity, 1, 10_000),
  }))
  return {
    orderId: checkId('orderId', 'order', orderId),
    lines: [...unitsBySku(units)].map(([sku, quantity]) => ({ sku, quantity })),
    reason: checkText('reason', reason, 500),
  }
}

async function decideReturn(
  desk: OrdersDesk,
  input: DecideReturnInput,
  context: RequestContext,
  decision: 'receive' | 'reject',
) {
  const viewer = requireRole(context.viewer, 'support', 'ops', 'service')
  const orderId = checkId('orderId', 'order', input.orderId)
  const returnId = checkId('returnId', 'return', input.returnId)
  const command = commandOf(context, viewer, {
    name: `${decision}Return`,
    key: input.idempotencyKey,
    body: { orderId, returnId },
  })
  const returned = await decideOnReturn(desk, { orderId, returnId, decision, viewer, context: command })
  return answeredReturn(context, 'ReturnDecided', returned)
}

/** A key is its viewer's own; services share theirs. */
function commandOf(
  { meta }: RequestContext,
  { role, subject }: Viewer,
  { name, key, body }: { readonly name: string; readonly key: string; readonly body: JsonObject },
): CommandContext {
  return { key: `${role === 'service' ? role : subject}:${name}:${checkKey(key)}`, body, meta }
}

function answered<Answer extends { readonly is: string }>(
  { consistency }: RequestContext,
  { is, ...answer }: Answer,
  position: number,
) {
  consistency.reached('orders', position)
  return { __typename: is, ...answer }
}

function answeredReturn(context: RequestContext, is: string, { answer, position }: Returned) {
  return answer.status === 'refused'
    ? answered(context, { is: 'CannotReturn', ...answer.refusal, status: answer.orderStatus }, position)
    : answered(context, { is, order: answer.order, return: answer.return }, position)
}
