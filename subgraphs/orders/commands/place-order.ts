// Places an order: prices it, records it once per idempotency key, and waits for its outcome if the caller wants it.
import { type Refusal, refuse } from '#platform/domain/decision.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { newId } from '#platform/domain/ids.ts'
import { isObject, type Json } from '#platform/domain/json.ts'
import type { CommandContext, CommandResult } from '#platform/event-store/aggregate.ts'
import type { Append } from '#platform/event-store/event-store.ts'
import type { CommandDependencies } from '#subgraphs/orders/commands/dependencies.ts'
import { followOrder, type VersionedOrder } from '#subgraphs/orders/commands/order-watch.ts'
import type { OrderPlaced } from '#subgraphs/orders/domain/events.ts'
import { absent, evolve, type PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import { place } from '#subgraphs/orders/domain/order-commands.ts'
import { orderNumber } from '#subgraphs/orders/domain/order-number.ts'
import {
  type Items,
  isAmple,
  type OrderRequest,
  outOfStock,
  type PlacementRefusal,
  type Priced,
  priceItems,
  priceOrder,
  shortagesIn,
  unknownCustomer,
} from '#subgraphs/orders/domain/pricing.ts'

type Placement = {
  readonly request: OrderRequest
  readonly context: CommandContext
  readonly settleWithinMs: number
  /** Inventory is read at this position or later. */
  readonly inventoryPosition?: number
}

/** Refusals that come after the order was recorded carry it, as it was cancelled. */
type PlacementResult =
  | { readonly is: 'OrderAccepted'; readonly order: PlacedOrder }
  | { readonly is: 'OrderPending'; readonly order: PlacedOrder; readonly message: string }
  | (PlacementRefusal & { readonly cancelledOrder?: PlacedOrder })
  | (Refusal & {
      readonly is: 'PaymentDeclined'
      readonly retryable: boolean
      readonly cancelledOrder: PlacedOrder
    })
  | (Refusal & { readonly is: 'OrderNotFulfilled'; readonly order: PlacedOrder })

type PlacementOutcome = { readonly result: PlacementResult; readonly position: number }

/**
 * The same key gives the same order or refusal again: the append finds it, or a look-up when no order can be priced now.
 * Throws CallerError for a request that no order can be made of, CONFLICT for a key that was used for another request,
 * and UNAVAILABLE while products or shipping costs cannot be had.
 */
export async function placeOrder(
  dependencies: CommandDependencies,
  placement: Placement,
): Promise<PlacementOutcome> {
  let priced: Priced<OrderPlaced>
  try {
    priced = await price(dependencies, placement)
  } catch (error) {
    const first = await dependencies.orders.findResult<PlacementRefusal>(placement.context)
    if (!first) throw error
    return repeat(dependencies, placement, first)
  }
  if ('refused' in priced) return recordRefusal(dependencies, placement, priced.refused)
  return record(dependencies, placement, priced.priced)
}

/** Returns the order as it would be placed now. */
async function price(
  dependencies: CommandDependencies,
  { request, inventoryPosition }: Placement,
): Promise<Priced<OrderPlaced>> {
  const [{ state: customer }, products] = await Promise.all([
    dependencies.customers.loadKnown(request.customerId),
    dependencies.catalogue.load(
      request.lines.map(line => line.sku),
      inventoryPosition,
    ),
  ])
  if (customer.status === 'ABSENT') return { refused: unknownCustomer(request.customerId) }
  const items = priceItems(request, products)
  if ('refused' in items) return items
  const shippingFee = request.agreedShippingFee ?? (await quote(dependencies, request, items.priced))
  const totals = priceOrder(request, items.priced.total, shippingFee)
  if ('refused' in totals) return totals
  const orderId = newId('order')
  const { id, name, email } = customer
  // The details go into the event as they are.
  const { customerId, lines, tenders, expectedTotal, agreedShippingFee, ...details } = request
  return {
    priced: {
      orderId,
      number: orderNumber(orderId),
      ...details,
      customer: { id, name, email },
      lines: items.priced.lines,
      itemsTotal: items.priced.total,
      shippingFee,
      ...totals.priced,
      ampleStock: isAmple(products, dependencies.demand.add(lines)),
      placedAt: dependencies.now().toISOString(),
    },
  }
}

function quote({ quotes }: CommandDependencies, request: OrderRequest, { total, goods }: Items) {
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
  dependencies: CommandDependencies,
  placement: Placement,
  refusal: PlacementRefusal,
): Promise<PlacementOutcome> {
  const context = { ...placement.context, creates: true }
  const handled = await dependencies.orders.handle(newId('order'), context, () => refuse(refusal))
  if (handled.status === 'accepted') return repeat(dependencies, placement, handled)
  return { result: handled.refusal, position: handled.position }
}

/** The wait begins before the order is there, so that nothing that becomes of it is missed. */
async function record(
  dependencies: CommandDependencies,
  placement: Placement,
  placed: OrderPlaced,
): Promise<PlacementOutcome> {
  const { orderId } = placed
  using watch = await dependencies.watches.watch(orderId, placement.settleWithinMs)
  const append = (own: Append) => dependencies.appendPlaced(own, placed)
  const handled = await dependencies.orders.handle<PlacementRefusal>(
    orderId,
    { ...placement.context, creates: true, append },
    order => place(order, placed),
    { orderId },
  )
  if (handled.repeated || handled.status === 'refused') return repeat(dependencies, placement, handled)
  const order = evolve(absent, { type: 'OrderPlaced', data: placed })
  if (order.status === 'ABSENT')
    throw new OperatorError('ORDER_LOST', `${orderId} was placed and is not there`)
  const fresh: VersionedOrder = { order, version: 1, position: handled.position }
  const settled = await followOrder(watch, fresh, isSettled)
  return { result: resultOf(settled.order), position: settled.position }
}

/** Returns what the first command with this key has come to. Nothing is recorded now. */
async function repeat(
  dependencies: CommandDependencies,
  { settleWithinMs }: Placement,
  first: CommandResult<PlacementRefusal>,
): Promise<PlacementOutcome> {
  if (first.status === 'refused') return { result: first.refusal, position: first.position }
  const orderId = orderIdIn(first.outcome)
  using watch = await dependencies.watches.watch(orderId, settleWithinMs)
  const { state: order, version } = await dependencies.orders.load(orderId)
  if (order.status === 'ABSENT')
    throw new OperatorError('ORDER_LOST', `${orderId} was placed and is not there`)
  const stored: VersionedOrder = { order, version, position: await dependencies.head() }
  const settled = await followOrder(watch, stored, isSettled)
  return { result: resultOf(settled.order), position: settled.position }
}

function orderIdIn(outcome: Json): string {
  const orderId = isObject(outcome) ? outcome.orderId : null
  if (typeof orderId === 'string') return orderId
  throw new OperatorError('COMMAND_NOT_OURS', 'a placement was answered without an order id')
}

function isSettled(order: PlacedOrder): boolean {
  return order.status !== 'PLACED' || order.awaitingApproval
}

const PENDING =
  'The order is placed. Its stock or its payment is still being asked for; watch the order to hear more.'

/** Returns what a recorded order has come to, from its state. */
function resultOf(order: PlacedOrder): PlacementResult {
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
