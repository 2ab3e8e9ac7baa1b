// The order's events and state: what happened to it, and what that makes of it. Free of I/O, clocks and ids.
import type { JsonObject } from '#platform/domain/json.ts'
import type { Money } from '#platform/domain/money.ts'
import type { Aggregate } from '#platform/event-store/aggregate.ts'
import type { Debt, DebtResolution } from '#subgraphs/orders/domain/debts.ts'
import { addToTimeline, describe, type TimelineEntry } from '#subgraphs/orders/domain/timeline.ts'

export type OrderStatus =
  | 'PLACED'
  | 'CONFIRMED'
  | 'PARTIALLY_SHIPPED'
  | 'SHIPPED'
  | 'DELIVERED'
  | 'COMPLETED'
  | 'CANCELLED'
  | 'RETURNED'
export type ShippingOption = 'STANDARD' | 'EXPRESS'
export type TenderKind = 'CARD' | 'VOUCHER' | 'BANK_SLIP'
export type CancellationReason =
  | 'CUSTOMER_REQUEST'
  | 'OUT_OF_STOCK'
  | 'PAYMENT_DECLINED'
  | 'PAYMENT_UNAVAILABLE'
  | 'APPROVAL_TIMED_OUT'
  | 'STOCK_HOLD_EXPIRED'
  | 'CARRIER_REFUSED'

export type Address = {
  readonly name: string
  readonly line1: string
  readonly line2?: string
  readonly city: string
  readonly region?: string
  /** Missing where the country has none, and none was given. */
  readonly postalCode?: string
  readonly country: string
}
export type OrderedLine = {
  readonly lineNo: number
  readonly sku: string
  readonly title: string
  readonly quantity: number
  readonly unitPrice: Money
  readonly weightGrams: number
}
export type SkuQuantity = { readonly sku: string; readonly quantity: number }
/** Units of one line, counted from 0: `from` is the first, `to` is past the last. */
export type UnitRange = { readonly lineNo: number; readonly from: number; readonly to: number }
export type Adjustment = { readonly label: string; readonly amount: Money }
export type Tender = { readonly kind: TenderKind; readonly token: string; readonly amount: Money }

/** `total` = `itemsTotal` + `shippingFee` + `adjustments` = the sum of `tenders`. One SKU may stand in lines of several prices. */
export type OrderPlaced = {
  readonly orderId: string
  readonly number: string
  readonly reference?: string
  readonly customer: { readonly id: string; readonly name: string; readonly email: string }
  readonly lines: readonly OrderedLine[]
  readonly itemsTotal: Money
  readonly shippingFee: Money
  readonly adjustments: readonly Adjustment[]
  readonly total: Money
  readonly tenders: readonly Tender[]
  readonly deliveryAddress: Address
  readonly shippingOption: ShippingOption
  readonly instructions?: string
  readonly placedAt: string
}

/** Which order, whose, and when. */
type Noted = { readonly orderId: string; readonly customerId: string; readonly at: string }
/** The order's status before and after the event, so that a count by status needs nothing but the event. */
type Moved = Noted & { readonly from: OrderStatus; readonly to: OrderStatus }
type OfReturn = { readonly returnId: string }
type ReturnContents = OfReturn & { readonly lines: readonly SkuQuantity[]; readonly refund: Money }

export type OrderEvent =
  | { readonly type: 'OrderPlaced'; readonly data: OrderPlaced }
  | { readonly type: 'PaymentApprovalAwaited'; readonly data: Noted }
  | { readonly type: 'OrderConfirmed'; readonly data: Moved }
  | { readonly type: 'CancellationRequested'; readonly data: Noted }
  | { readonly type: 'CancellationRejected'; readonly data: Noted & { readonly message: string } }
  | {
      readonly type: 'OrderCancelled'
      readonly data: Moved & {
        readonly reason: CancellationReason
        readonly message: string
        readonly details: JsonObject
        readonly total: Money
      }
    }
  | {
      readonly type: 'OrderShipped'
      /** `units` is missing in events of older builds. */
      readonly data: Moved & {
        readonly shipmentId: string
        readonly lines: readonly SkuQuantity[]
        readonly units?: readonly UnitRange[]
      }
    }
  | {
      readonly type: 'OrderShipmentLost'
      readonly data: Noted & { readonly shipmentId: string; readonly lines: readonly SkuQuantity[] }
    }
  | {
      readonly type: 'LossRefunded'
      readonly data: Noted & { readonly shipmentId: string; readonly refund: Money }
    }
  | {
      /** Goods that were lost or came back unpaid were paid for later: what that makes owed has gone back. */
      readonly type: 'OrderRefunded'
      readonly data: Noted & { readonly refundId: string; readonly refund: Money }
    }
  | { readonly type: 'OrderDelivered'; readonly data: Moved & { readonly shipmentId: string } }
  | { readonly type: 'OrderCompleted'; readonly data: Moved }
  | { readonly type: 'ReturnRequested'; readonly data: Noted & ReturnContents & { readonly reason: string } }
  | { readonly type: 'ReturnReceived'; readonly data: Moved & ReturnContents }
  | { readonly type: 'ReturnRejected'; readonly data: Noted & OfReturn }
  | { readonly type: 'ReturnRefunded'; readonly data: Noted & OfReturn & { readonly refund: Money } }
  | {
      readonly type: 'DebtRecorded'
      readonly data: Noted & Pick<Debt, 'debtId' | 'owedBy' | 'amount' | 'code'>
    }
  | {
      readonly type: 'DebtResolved'
      readonly data: Noted &
        Pick<Debt, 'debtId' | 'owedBy' | 'amount'> & { readonly resolution: DebtResolution }
    }

/** Units: `delivered` and `lost` are of those shipped, `returned` of those delivered. */
export type OrderLine = OrderedLine & Readonly<Record<'shipped' | 'delivered' | 'lost' | 'returned', number>>
export type OrderShipment = {
  readonly shipmentId: string
  readonly lines: readonly SkuQuantity[]
  /** Which units of the order's lines these are; missing in events of older builds. */
  readonly units?: readonly UnitRange[]
  readonly delivered: boolean
  /** True once the carrier gave it up. */
  readonly lost?: boolean
  /** What was refunded for its loss. */
  readonly refund?: Money
}
export type ReturnStatus = 'REQUESTED' | 'RECEIVED' | 'REFUNDED' | 'REJECTED'
export type OrderReturn = {
  readonly returnId: string
  readonly status: ReturnStatus
  readonly reason: string
  readonly lines: readonly SkuQuantity[]
  /** Expected until the return is refunded, then what was refunded. */
  readonly refund: Money
  readonly requestedAt: string
}
export type Cancellation = {
  readonly reason: CancellationReason
  readonly message: string
  readonly details: JsonObject
  readonly at: string
}

/** An order as it stands. It is plain JSON, as the read model's document holds it: payment tokens are not in it. */
export type PlacedOrder = Omit<OrderPlaced, 'orderId' | 'tenders' | 'lines'> & {
  readonly id: string
  readonly status: OrderStatus
  readonly awaitingApproval: boolean
  readonly cancellationRequested: boolean
  /** Why the last request came too late: what cannot be cancelled any more, and what was. */
  readonly cancellationRefusal?: string
  readonly cancellation?: Cancellation
  readonly lines: readonly OrderLine[]
  readonly shipments: readonly OrderShipment[]
  readonly returns: readonly OrderReturn[]
  /** Money that was taken after its goods were lost or back, and went back; missing before the first. */
  readonly refunds?: readonly { readonly refundId: string; readonly refund: Money }[]
  /** Money that the provider would not move, open and resolved. */
  readonly debts: readonly Debt[]
  readonly timeline: readonly TimelineEntry[]
  readonly updatedAt: string
}
export type Order = { readonly status: 'ABSENT' } | PlacedOrder

export const absent: Order = { status: 'ABSENT' }

/**
 * An event counts from its own time, or from that of the one before it should another clock have been ahead: so the
 * timeline never goes back, and its times are those at which the order became what it was.
 */
export function evolve(order: Order, event: OrderEvent): Order {
  if (event.type === 'OrderPlaced') return order.status === 'ABSENT' ? placed(event.data) : order
  if (order.status === 'ABSENT') return order
  const at = later(order.updatedAt, event.data.at)
  return {
    ...order,
    ...changes(order, event),
    timeline: addToTimeline(order.timeline, { at, type: event.type, text: describe(event) }),
    updatedAt: at,
  }
}

function later(one: string, other: string): string {
  if (one < other) return other
  return one
}

/** True of an order of which nothing happened after `at`, an instant as events hold it: its timeline ends there. */
export function isKnownAt(order: Order, at: string): boolean {
  return order.status === 'ABSENT' || order.updatedAt <= at
}

function placed({ orderId, tenders: _, ...order }: OrderPlaced): PlacedOrder {
  return {
    ...order,
    id: orderId,
    status: 'PLACED',
    awaitingApproval: false,
    cancellationRequested: false,
    lines: order.lines.map(line => ({ ...line, shipped: 0, delivered: 0, lost: 0, returned: 0 })),
    shipments: [],
    returns: [],
    debts: [],
    timeline: [{ at: order.placedAt, type: 'OrderPlaced', text: 'Order placed' }],
    updatedAt: order.placedAt,
  }
}

type LaterEvent = Exclude<OrderEvent, { type: 'OrderPlaced' }>

function changes(order: PlacedOrder, event: LaterEvent): Partial<PlacedOrder> {
  switch (event.type) {
    case 'PaymentApprovalAwaited':
      return { awaitingApproval: true }
    case 'OrderConfirmed':
      return { status: event.data.to, awaitingApproval: false }
    case 'CancellationRequested':
      return { cancellationRequested: true }
    case 'CancellationRejected':
      return { cancellationRequested: false, cancellationRefusal: event.data.message }
    case 'OrderCancelled': {
      const { to, reason, message, details, at } = event.data
      return { status: to, awaitingApproval: false, cancellation: { reason, message, details, at } }
    }
    case 'OrderShipped': {
      const { to, shipmentId, lines, units } = event.data
      const sent: OrderShipment = { shipmentId, lines, ...(units && { units }), delivered: false }
      return {
        status: to,
        shipments: [...order.shipments, sent],
        lines: addUnits(order.lines, lines, 'shipped'),
      }
    }
    case 'OrderShipmentLost': {
      const { shipmentId, lines } = event.data
      return {
        shipments: withNews(order.shipments, shipmentId, { lost: true }),
        lines: addUnits(order.lines, lines, 'lost'),
      }
    }
    case 'LossRefunded': {
      const { shipmentId, refund } = event.data
      return { shipments: withNews(order.shipments, shipmentId, { refund }) }
    }
    case 'OrderRefunded': {
      const { refundId, refund } = event.data
      return { refunds: [...(order.refunds ?? []), { refundId, refund }] }
    }
    case 'OrderDelivered': {
      const { to, shipmentId } = event.data
      return {
        status: to,
        shipments: withNews(order.shipments, shipmentId, { delivered: true }),
        lines: addUnits(order.lines, contentsOf(order, shipmentId), 'delivered'),
      }
    }
    case 'OrderCompleted':
      // Histories of older builds do not tell of a loss: what has not arrived by completion was lost.
      return {
        status: event.data.to,
        lines: order.lines.map(line => ({ ...line, lost: line.shipped - line.delivered })),
      }
    case 'ReturnRequested': {
      const { returnId, lines, refund, reason, at } = event.data
      const requested: OrderReturn = { returnId, status: 'REQUESTED', reason, lines, refund, requestedAt: at }
      return { returns: [...order.returns, requested] }
    }
    case 'ReturnReceived': {
      const { to, returnId, lines, refund } = event.data
      return {
        status: to,
        returns: withStatus(order.returns, returnId, { status: 'RECEIVED', refund }),
        lines: addUnits(order.lines, lines, 'returned'),
      }
    }
    case 'ReturnRejected':
      return { returns: withStatus(order.returns, event.data.returnId, { status: 'REJECTED' }) }
    case 'ReturnRefunded': {
      const { returnId, refund } = event.data
      return { returns: withStatus(order.returns, returnId, { status: 'REFUNDED', refund }) }
    }
    case 'DebtRecorded': {
      const { debtId, owedBy, amount, code, at } = event.data
      return { debts: [...order.debts, { debtId, owedBy, amount, code, since: at }] }
    }
    case 'DebtResolved': {
      const { debtId, resolution, at } = event.data
      return {
        debts: order.debts.map(debt =>
          debt.debtId === debtId ? { ...debt, resolution, resolvedAt: at } : debt,
        ),
      }
    }
  }
}

/** How many units of a line may still be added, by what is added. */
const OPEN_UNITS = {
  shipped: ({ quantity, shipped }: OrderLine) => quantity - shipped,
  delivered: ({ shipped, delivered, lost }: OrderLine) => shipped - delivered - lost,
  lost: ({ shipped, delivered, lost }: OrderLine) => shipped - delivered - lost,
  returned: ({ delivered, returned }: OrderLine) => delivered - returned,
}

/** `lines` with the units of `moved` added to one of their counts. Lines of one SKU are filled in their order. */
export function addUnits(
  lines: readonly OrderLine[],
  moved: readonly SkuQuantity[],
  field: keyof typeof OPEN_UNITS,
): OrderLine[] {
  const left = unitsBySku(moved)
  return lines.map(line => {
    const open = OPEN_UNITS[field](line)
    const units = Math.min(left.get(line.sku) ?? 0, open)
    left.set(line.sku, (left.get(line.sku) ?? 0) - units)
    return units === 0 ? line : { ...line, [field]: line[field] + units }
  })
}

/** Units by SKU; a SKU that stands twice counts with the sum. */
export function unitsBySku(lines: readonly SkuQuantity[]): Map<string, number> {
  const units = new Map<string, number>()
  for (const { sku, quantity } of lines) units.set(sku, (units.get(sku) ?? 0) + quantity)
  return units
}

function withStatus(
  returns: readonly OrderReturn[],
  returnId: string,
  now: Partial<Pick<OrderReturn, 'status' | 'refund'>>,
): readonly OrderReturn[] {
  return returns.map(entry => (entry.returnId === returnId ? { ...entry, ...now } : entry))
}

function withNews(
  shipments: readonly OrderShipment[],
  shipmentId: string,
  news: Partial<Pick<OrderShipment, 'delivered' | 'lost' | 'refund'>>,
): readonly OrderShipment[] {
  return shipments.map(entry => (entry.shipmentId === shipmentId ? { ...entry, ...news } : entry))
}

function contentsOf({ shipments }: PlacedOrder, shipmentId: string): readonly SkuQuantity[] {
  return shipments.find(entry => entry.shipmentId === shipmentId)?.lines ?? []
}

const TYPES: Readonly<Record<OrderEvent['type'], true>> = {
  OrderPlaced: true,
  PaymentApprovalAwaited: true,
  OrderConfirmed: true,
  CancellationRequested: true,
  CancellationRejected: true,
  OrderCancelled: true,
  OrderShipped: true,
  OrderShipmentLost: true,
  LossRefunded: true,
  OrderRefunded: true,
  OrderDelivered: true,
  OrderCompleted: true,
  ReturnRequested: true,
  ReturnReceived: true,
  ReturnRejected: true,
  ReturnRefunded: true,
  DebtRecorded: true,
  DebtResolved: true,
}

/** The order as the event store keeps it: category `order`, stream `order-<ord_id>`. */
export const orderAggregate: Aggregate<Order, OrderEvent> = {
  category: 'order',
  initial: absent,
  evolve,
  types: Object.keys(TYPES) as OrderEvent['type'][],
}
