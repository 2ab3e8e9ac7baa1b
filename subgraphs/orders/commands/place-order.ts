// Placing an order: price it, record it once per key, and wait for what becomes of it if asked to. Free of GraphQL.
import { type Refusal, refuse } from '#platform/domain/decision.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { newId } from '#platform/domain/ids.ts'
import type { Json } from '#platform/domain/json.ts'
import type { CommandContext, CommandResult } from '#platform/event-store/aggregate.ts'
import type { OrdersDesk } from '#subgraphs/orders/commands/dependencies.ts'
import { type Known, settle } from '#subgraphs/orders/commands/follow-order.ts'
import { absent, evolve, type OrderPlaced, type PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import { place } from '#subgraphs/orders/domain/order-commands.ts'
import { orderNumber } from '#subgraphs/orders/domain/order-number.ts'
import {
  type Items,
  type OrderRequest,
  outOfStock,
  type PlacementRefusal,
  type Priced,
  priceItems,
  priceOrder,
  shortagesIn,
  unknownCustomer,
} from '#subgraphs/orders/domain/pricing.ts'

export type Placement = {
  readonly request: OrderRequest
  readonly context: CommandContext
  readonly settleWithinMs: number
  /** Inventory is read at this position or later. */
  readonly inventoryPosition?: number
}

/** Refusals that come after the order was recorded carry it, as it was cancelled. */
export type PlacementAnswer =
  | { readonly is: 'OrderAccepted'; readonly order: PlacedOrder }
  | { readonly is: 'OrderPending'; readonly order: PlacedOrder; readonly message: string }
  | (PlacementRefusal & { readonly cancelledOrder?: PlacedOrder })
  | (Refusal & {
      readonly is: 'PaymentDeclined'
      readonly retryable: boolean
      readonly cancelledOrder: PlacedOrder
    })
  | (Refusal & { readonly is: 'OrderNotFulfilled'; readonly order: PlacedOrder })

export type Placed = { readonly answer: PlacementAnswer; readonly position: number }

type PlacingDesk = Pick<
  OrdersDesk,
  'orders' | 'customers' | 'catalogue' | 'quotes' | 'settlements' | 'head' | 'now'
>

/**
 * The same key gives the same order or refusal again, without asking other services. Throws CallerError for a request
 * that no order can be made of, CONFLICT for a key that was used for another request, and UNAVAILABLE while products or
 * shipping costs cannot be had.
 */
export async function placeOrder(desk: PlacingDesk, placement: Placement): Promise<Placed> {
  const pricing = price(desk, placement)
  pricing.catch(() => {}) // a repeat does not need it
  const known = await desk.orders.findResult<PlacementRefusal>(placement.context)
  if (known) return repeat(desk, placement, known)
  const priced = await pricing
  if ('refused' in priced) return recordRefusal(desk, placement, priced.refused)
  return record(desk, placement, priced.priced)
}

/** The order as it would be placed now. */
async function price(
  desk: PlacingDesk,
  { request, inventoryPosition }: Placement,
): Promise<Priced<OrderPlaced>> {
  const [{ state: customer }, products] = await Promise.all([
    desk.customers.load(request.customerId),
    desk.catalogue.load(
      request.lines.map(line => line.sku),
      inventoryPosition,
    ),
  ])
  if (customer.status === 'ABSENT') return { refused: unknownCustomer(request.customerId) }
  const items = priceItems(request, products)
  if ('refused' in items) return items
  const shippingFee = request.agreedShippingFee ?? (await quote(desk, request, items.priced))
  const totals = priceOrder(request, items.priced.total, shippingFee)
  if ('refused' in totals) return totals
  const orderId = newId('order')
  const { id, name, email } = customer
  const { deliveryAddress, shippingOption, adjustments, instructions, reference } = request
  return {
    priced: {
      orderId,
      number: orderNumber(orderId),
      ...(reference !== undefined && { reference }),
      customer: { id, name, email },
      lines: items.priced.lines,
      itemsTotal: items.priced.total,
      shippingFee,
      adjustments,
      ...totals.priced,
      deliveryAddress,
      shippingOption,
      ...(instructions !== undefined && { instructions }),
      placedAt: desk.now().toISOString(),
    },
  }
}

function quote({ quotes }: PlacingDesk, request: OrderRequest, { total, goods }: Items) {
  const { country, postalCode } = request.deliveryAddress
  return quotes.fee({
    country,
    ...(postalCode !== undefined && { postalCode }),
    goods,
    option: request.shippingOption,
    currency: total.currency,
  })
}

async function recordRefusal(
  desk: PlacingDesk,
  placement: Placement,
  refusal: PlacementRefusal,
): Promise<Placed> {
  const context = { ...placement.context, creates: true }
  const handled = await desk.orders.handle(newId('order'), context, () => refuse(refusal))
  if (handled.status === 'accepted') return repeat(desk, placement, handled)
  return { answer: handled.refusal, position: handled.position }
}

/** The wait begins before the order is there, so that nothing that becomes of it is missed. */
async function record(desk: PlacingDesk, placement: Placement, placed: OrderPlaced): Promise<Placed> {
  const { orderId } = placed
  using watch = placement.settleWithinMs > 0 ? await desk.settlements.watch(orderId) : undefined
  const deadline = Date.now() + placement.settleWithinMs
  const handled = await desk.orders.handle<PlacementRefusal>(
    orderId,
    { ...placement.context, creates: true },
    order => place(order, placed),
    { orderId },
  )
  if (handled.repeated || handled.status === 'refused') return repeat(desk, placement, handled)
  const order = evolve(absent, { type: 'OrderPlaced', data: placed })
  if (order.status === 'ABSENT')
    throw new OperatorError('ORDER_LOST', `${orderId} was placed and is not there`)
  const fresh: Known = { order, version: 1, position: handled.position }
  const settled = await settle(watch, fresh, isSettled, deadline)
  return { answer: answerFor(settled.order), position: settled.position }
}

/** Nothing was recorded now. */
async function repeat(
  desk: PlacingDesk,
  { settleWithinMs }: Placement,
  first: CommandResult<PlacementRefusal>,
): Promise<Placed> {
  if (first.status === 'refused') return { answer: first.refusal, position: first.position }
  const orderId = orderIdIn(first.outcome)
  using watch = settleWithinMs > 0 ? await desk.settlements.watch(orderId) : undefined
  const deadline = Date.now() + settleWithinMs
  const { state: order, version } = await desk.orders.load(orderId)
  if (order.status === 'ABSENT')
    throw new OperatorError('ORDER_LOST', `${orderId} was placed and is not there`)
  const settled = await settle(watch, { order, version, position: await desk.head() }, isSettled, deadline)
  return { answer: answerFor(settled.order), position: settled.position }
}

function orderIdIn(outcome: Json): string {
  const orderId =
    outcome !== null && typeof outcome === 'object' && 'orderId' in outcome ? outcome.orderId : null
  if (typeof orderId === 'string') return orderId
  throw new OperatorError('COMMAND_NOT_OURS', 'a placement was answered without an order id')
}

function isSettled(order: PlacedOrder): boolean {
  return order.status !== 'PLACED' || order.awaitingApproval
}

const PENDING =
  'The order is placed. Its stock or its payment is still being asked for; watch the order to hear more.'

/** What the caller is told of a recorded order, from its state. */
function answerFor(order: PlacedOrder): PlacementAnswer {
  const { status, cancellation } = order
  if (!isSettled(order)) return { is: 'OrderPending', order, message: PENDING }
  if (status !== 'CANCELLED' || !cancellation) return { is: 'OrderAccepted', order }
  const { reason, message, details } = cancellation
  switch (reason) {
    case 'OUT_OF_STOCK':
      return { ...outOfStock(shortagesIn(details)), message, cancelledOrder: order }
    case 'PAYMENT_DECLINED': {
      const retryable = details.retryable === true
      return { is: 'PaymentDeclined', code: 'PAYMENT_DECLINED', message, retryable, cancelledOrder: order }
    }
    case 'CUSTOMER_REQUEST':
    case 'PAYMENT_UNAVAILABLE':
    case 'APPROVAL_TIMED_OUT':
    case 'STOCK_HOLD_EXPIRED':
    case 'CARRIER_REFUSED':
      return { is: 'OrderNotFulfilled', code: 'ORDER_NOT_FULFILLED', message, order }
  }
}
