// Defines the state of an order, and how each event changes it.
import type { JsonObject } from '#platform/domain/json.ts'
import type { Money } from '#platform/domain/money.ts'
import type {
  CancellationReason,
  Debt,
  OrderEvent,
  OrderedLine,
  OrderPlaced,
  OrderStatus,
  SkuQuantity,
  UnitRange,
} from '#subgraphs/orders/domain/events.ts'
import { addToTimeline, describe, type TimelineEntry } from '#subgraphs/orders/domain/timeline.ts'

/** Counts units: `delivered` and `lost` are parts of `shipped`, `returned` is a part of `delivered`. */
export type OrderLine = OrderedLine & Readonly<Record<'shipped' | 'delivered' | 'lost' | 'returned', number>>
export type OrderShipment = {
  readonly shipmentId: string
  readonly lines: readonly SkuQuantity[]
  /** The units of the order's lines in this shipment; missing in events of older builds. */
  readonly units?: readonly UnitRange[]
  readonly delivered: boolean
  /** True once the carrier gave it up. */
  readonly lost?: boolean
  /** The refund for its loss. */
  readonly refund?: Money
}
type ReturnStatus = 'REQUESTED' | 'RECEIVED' | 'REFUNDED' | 'REJECTED'
export type OrderReturn = {
  readonly returnId: string
  readonly status: ReturnStatus
  readonly reason: string
  readonly lines: readonly SkuQuantity[]
  /** The expected amount until the return is refunded, then the refunded amount. */
  readonly refund: Money
  readonly requestedAt: string
}
type Cancellation = {
  readonly reason: CancellationReason
  readonly message: string
  readonly details: JsonObject
  readonly at: string
}

/** An order as it stands. It is plain JSON, as the read model's document holds it: payment tokens are not in it. */
export type PlacedOrder = Omit<OrderPlaced, 'orderId' | 'tenders' | 'ampleStock' | 'lines'> & {
  readonly id: string
  readonly status: OrderStatus
  readonly awaitingApproval: boolean
  readonly cancellationRequested: boolean
  /** The message of the last refused cancellation: which goods cannot be cancelled any more, and which were. */
  readonly cancellationRefusal?: string
  readonly cancellation?: Cancellation
  readonly lines: readonly OrderLine[]
  readonly shipments: readonly OrderShipment[]
  readonly returns: readonly OrderReturn[]
  /** Refunds of cancelled shipments and of late payments; missing before the first. */
  readonly refunds?: readonly { readonly refundId: string; readonly refund: Money }[]
  /** Money that the provider refused to move; open and resolved debts. */
  readonly debts: readonly Debt[]
  readonly timeline: readonly TimelineEntry[]
  readonly updatedAt: string
}
export type Order = { readonly status: 'ABSENT' } | PlacedOrder

export const absent: Order = { status: 'ABSENT' }

/**
 * An event takes effect at its own time, or at that of the event before it if another clock was ahead. So the
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

/** True when the newest event of the order is not later than `at`, an instant in the notation of events. */
export function isKnownAt(order: Order, at: string): boolean {
  return order.status === 'ABSENT' || order.updatedAt <= at
}

/** What later events change comes first: of a changed document, PostgreSQL logs nothing of the end that stays the same. */
function placed({ orderId, tenders: _, ampleStock: _stock, lines, ...order }: OrderPlaced): PlacedOrder {
  return {
    updatedAt: order.placedAt,
    status: 'PLACED',
    awaitingApproval: false,
    cancellationRequested: false,
    timeline: [{ at: order.placedAt, type: 'OrderPlaced', text: 'Order placed' }],
    debts: [],
    returns: [],
    shipments: [],
    lines: lines.map(line => ({ shipped: 0, delivered: 0, lost: 0, returned: 0, ...line })),
    id: orderId,
    ...order,
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
      // Histories of older builds do not record a loss: units that have not arrived by completion were lost.
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

/** Returns how many units of a line may still be added, by the count that grows. */
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

/** The same units with one entry for each SKU. */
export function joinedBySku(lines: readonly SkuQuantity[]): SkuQuantity[] {
  return [...unitsBySku(lines)].map(([sku, quantity]) => ({ sku, quantity }))
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

/** Returns what the customer got back so far: for losses, returns, goods called back and late payments. */
export function refundedSoFar({ total, shipments, returns, refunds = [] }: PlacedOrder): Money {
  const given = [
    ...shipments.flatMap(({ refund }) => refund ?? []),
    ...returns.flatMap(({ status, refund }) => (status === 'REFUNDED' ? [refund] : [])),
    ...refunds.map(({ refund }) => refund),
  ]
  return { minor: given.reduce((sum, { minor }) => sum + minor, 0), currency: total.currency }
}
