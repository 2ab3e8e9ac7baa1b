// Decides the commands on an order from its placement to its completion.
import { accept, type Decision, type Refusal, refuse } from '#platform/domain/decision.ts'
import type { JsonObject } from '#platform/domain/json.ts'
import type { Money } from '#platform/domain/money.ts'
import type {
  CancellationReason,
  OrderEvent,
  OrderPlaced,
  OrderStatus,
  SkuQuantity,
  UnitRange,
} from '#subgraphs/orders/domain/events.ts'
import {
  addUnits,
  type Order,
  type OrderLine,
  type OrderShipment,
  type PlacedOrder,
  unitsBySku,
} from '#subgraphs/orders/domain/order.ts'

export type OrderDecision = Decision<OrderEvent, Refusal>

export const NOT_FOUND: Refusal = { code: 'ORDER_NOT_FOUND', message: 'There is no such order.' }
const CANCELLED: Refusal = { code: 'ORDER_CANCELLED', message: 'The order is cancelled.' }
const LEAVING = 'The order is already with the carrier: it cannot be cancelled any more.'
const TOO_LATE: Readonly<Record<OrderStatus, string>> = {
  PLACED: LEAVING,
  CONFIRMED: LEAVING,
  PARTIALLY_SHIPPED:
    'A part of the order is on its way, and the rest is about to follow: it cannot be cancelled any more.',
  SHIPPED: 'The order is on its way: it can be sent back after delivery, not cancelled any more.',
  DELIVERED: 'The order has arrived: it can be sent back, not cancelled any more.',
  COMPLETED: 'The order is completed: what has arrived can be sent back, not cancelled any more.',
  CANCELLED: 'The order is cancelled already.',
  RETURNED: 'The order came back: nothing is left of it to cancel.',
}

/** Returns the refusal of a late cancellation, with the fulfilment's message when a part of the order was cancelled. */
export function tooLateToCancel({ status, cancellationRefusal }: PlacedOrder): Refusal {
  return { code: 'ORDER_SHIPPED', message: cancellationRefusal ?? TOO_LATE[status] }
}

/** Places an order once: a repeat with the same id changes nothing. */
export function place(order: Order, placed: OrderPlaced): Decision<OrderEvent, never> {
  return order.status === 'ABSENT' ? accept({ type: 'OrderPlaced', data: placed }) : accept()
}

/** Only an order that is not confirmed yet waits for approval; later notes change nothing. */
export function noteApprovalAwaited(order: Order, { at }: { at: string }): OrderDecision {
  if (order.status === 'ABSENT') return refuse(NOT_FOUND)
  if (order.status !== 'PLACED' || order.awaitingApproval) return accept()
  return accept({ type: 'PaymentApprovalAwaited', data: noted(order, at) })
}

export function confirm(order: Order, { at }: { at: string }): OrderDecision {
  switch (order.status) {
    case 'ABSENT':
      return refuse(NOT_FOUND)
    case 'CANCELLED':
      return refuse(CANCELLED)
    case 'PLACED':
      return accept({
        type: 'OrderConfirmed',
        data: { ...noted(order, at), from: order.status, to: 'CONFIRMED' },
      })
    case 'CONFIRMED':
    case 'PARTIALLY_SHIPPED':
    case 'SHIPPED':
    case 'DELIVERED':
    case 'COMPLETED':
    case 'RETURNED':
      return accept()
  }
}

/** A cancellation that is under way or done looks like success. Nothing is cancelled once goods have left. */
export function requestCancellation(order: Order, { at }: { at: string }): OrderDecision {
  switch (order.status) {
    case 'ABSENT':
      return refuse(NOT_FOUND)
    case 'CANCELLED':
      return accept()
    case 'PLACED':
    case 'CONFIRMED':
      return order.cancellationRequested
        ? accept()
        : accept({ type: 'CancellationRequested', data: noted(order, at) })
    case 'PARTIALLY_SHIPPED':
    case 'SHIPPED':
    case 'DELIVERED':
    case 'COMPLETED':
    case 'RETURNED':
      return refuse(tooLateToCancel(order))
  }
}

/** Records once that it is too late to cancel; changes nothing when no cancellation is requested. */
export function rejectCancellation(
  order: Order,
  { message, at }: { message: string; at: string },
): OrderDecision {
  if (order.status === 'ABSENT') return refuse(NOT_FOUND)
  if (order.status === 'CANCELLED' || !order.cancellationRequested) return accept()
  return accept({ type: 'CancellationRejected', data: { ...noted(order, at), message } })
}

export type Cancel = {
  readonly reason: CancellationReason
  readonly message: string
  readonly details: JsonObject
  readonly at: string
}

/** Ends an order whose fulfilment failed or was cancelled. The first reason stands. */
export function cancel(order: Order, { reason, message, details, at }: Cancel): OrderDecision {
  switch (order.status) {
    case 'ABSENT':
      return refuse(NOT_FOUND)
    case 'CANCELLED':
      return accept()
    case 'PLACED':
    case 'CONFIRMED': {
      const moved = { ...noted(order, at), from: order.status, to: 'CANCELLED' as const }
      return accept({
        type: 'OrderCancelled',
        data: { ...moved, reason, message, details, total: order.total },
      })
    }
    case 'PARTIALLY_SHIPPED':
    case 'SHIPPED':
    case 'DELIVERED':
    case 'COMPLETED':
    case 'RETURNED':
      return refuse(tooLateToCancel(order))
  }
}

export type NoteShipped = {
  readonly shipmentId: string
  readonly lines: readonly SkuQuantity[]
  readonly units?: readonly UnitRange[]
  readonly at: string
}

/** Records a dispatched shipment once; no more units of a line are sent than were ordered. */
export function noteShipped(order: Order, { shipmentId, lines, units, at }: NoteShipped): OrderDecision {
  switch (order.status) {
    case 'ABSENT':
      return refuse(NOT_FOUND)
    case 'PLACED':
      return refuse({ code: 'ORDER_NOT_CONFIRMED', message: 'The order is not confirmed yet.' })
    case 'CANCELLED':
      return refuse(CANCELLED)
    case 'CONFIRMED':
    case 'PARTIALLY_SHIPPED':
    case 'SHIPPED':
    case 'DELIVERED':
    case 'COMPLETED':
    case 'RETURNED': {
      if (order.shipments.some(shipment => shipment.shipmentId === shipmentId)) return accept()
      if (isClosed(order) || !fits(order.lines, lines)) return refuse(TOO_MUCH_SHIPPED)
      const to = isAllShipped(addUnits(order.lines, lines, 'shipped')) ? 'SHIPPED' : 'PARTIALLY_SHIPPED'
      const moved = { ...noted(order, at), from: order.status, to } as const
      return accept({ type: 'OrderShipped', data: { ...moved, shipmentId, lines, ...(units && { units }) } })
    }
  }
}

const TOO_MUCH_SHIPPED: Refusal = {
  code: 'SHIPMENT_EXCEEDS_ORDER',
  message: 'The shipment holds more than is still to be sent.',
}

const SHIPMENT_NOT_FOUND: Refusal = {
  code: 'SHIPMENT_NOT_FOUND',
  message: 'The order has no such shipment under way.',
}

/** Records once that the carrier lost a shipment; a shipment that arrived is not lost. */
export function noteLost(
  order: Order,
  { shipmentId, at }: { shipmentId: string; at: string },
): OrderDecision {
  if (order.status === 'ABSENT') return refuse(NOT_FOUND)
  const shipment = order.shipments.find(candidate => candidate.shipmentId === shipmentId)
  if (!shipment) return refuse(SHIPMENT_NOT_FOUND)
  if (shipment.lost || shipment.delivered) return accept()
  const { lines } = shipment
  return accept({ type: 'OrderShipmentLost', data: { ...noted(order, at), shipmentId, lines } })
}

export type NoteLossRefunded = { readonly shipmentId: string; readonly refund: Money; readonly at: string }

/** Records the refund of a lost shipment once. */
export function noteLossRefunded(order: Order, { shipmentId, refund, at }: NoteLossRefunded): OrderDecision {
  if (order.status === 'ABSENT') return refuse(NOT_FOUND)
  const shipment = order.shipments.find(candidate => candidate.shipmentId === shipmentId)
  if (!shipment?.lost) return refuse(SHIPMENT_NOT_LOST)
  if (shipment.refund) return accept()
  return accept({ type: 'LossRefunded', data: { ...noted(order, at), shipmentId, refund } })
}

export type NoteRefunded = { readonly refundId: string; readonly refund: Money; readonly at: string }

/** Records once a refund that belongs to no loss and no return: of a cancelled shipment, or of a late payment. */
export function noteRefunded(order: Order, { refundId, refund, at }: NoteRefunded): OrderDecision {
  if (order.status === 'ABSENT') return refuse(NOT_FOUND)
  if (order.refunds?.some(known => known.refundId === refundId)) return accept()
  return accept({ type: 'OrderRefunded', data: { ...noted(order, at), refundId, refund } })
}

const SHIPMENT_NOT_LOST: Refusal = {
  code: 'SHIPMENT_NOT_LOST',
  message: 'The order has no such shipment that was lost.',
}

/** Records a delivered shipment. The order is delivered once all its units are sent and all its shipments have arrived. */
export function noteDelivered(
  order: Order,
  { shipmentId, at }: { shipmentId: string; at: string },
): OrderDecision {
  if (order.status === 'ABSENT') return refuse(NOT_FOUND)
  const shipment = order.shipments.find(candidate => candidate.shipmentId === shipmentId)
  if (!shipment) return refuse(SHIPMENT_NOT_FOUND)
  if (shipment.delivered) return accept()
  const others = order.shipments.filter(candidate => candidate !== shipment)
  const to = order.status === 'SHIPPED' && others.every(hasArrived) ? 'DELIVERED' : order.status
  return accept({
    type: 'OrderDelivered',
    data: { ...noted(order, at), from: order.status, to, shipmentId },
  })
}

/** Completes the order: units that were not shipped by now were released or lost. */
export function complete(order: Order, { at }: { at: string }): OrderDecision {
  switch (order.status) {
    case 'ABSENT':
      return refuse(NOT_FOUND)
    case 'CANCELLED':
      return refuse(CANCELLED)
    case 'PLACED':
    case 'CONFIRMED':
      return refuse({ code: 'ORDER_NOT_SHIPPED', message: 'Nothing of the order is shipped yet.' })
    case 'PARTIALLY_SHIPPED':
    case 'SHIPPED':
    case 'DELIVERED':
      return accept({
        type: 'OrderCompleted',
        data: { ...noted(order, at), from: order.status, to: 'COMPLETED' },
      })
    case 'COMPLETED':
    case 'RETURNED':
      return accept()
  }
}

/** Returns the fields that every event of `order` has. */
export function noted(
  order: PlacedOrder,
  at: string,
): { readonly orderId: string; readonly customerId: string; readonly at: string } {
  return { orderId: order.id, customerId: order.customer.id, at }
}

function isClosed(order: PlacedOrder): boolean {
  return order.status === 'COMPLETED' || order.status === 'RETURNED'
}

function hasArrived(shipment: OrderShipment): boolean {
  return shipment.delivered
}

function isAllShipped(lines: readonly OrderLine[]): boolean {
  return lines.every(line => line.shipped === line.quantity)
}

function fits(ordered: readonly OrderLine[], sent: readonly SkuQuantity[]): boolean {
  const open = unitsBySku(
    ordered.map(({ sku, quantity, shipped }) => ({ sku, quantity: quantity - shipped })),
  )
  return sent.length > 0 && [...unitsBySku(sent)].every(([sku, units]) => units <= (open.get(sku) ?? 0))
}
