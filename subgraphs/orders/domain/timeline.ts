// Builds an order's timeline: one sentence per event, with a limit on the entries.
import { type Money, toDecimal } from '#platform/domain/money.ts'
import type { OrderEvent, SkuQuantity } from '#subgraphs/orders/domain/events.ts'

type DebtResolved = Extract<OrderEvent, { type: 'DebtResolved' }>['data']

export type TimelineEntry = { readonly at: string; readonly type: string; readonly text: string }

/** An order keeps at most this many entries: its first one and the newest. The event store keeps all events. */
export const TIMELINE_LIMIT = 200

export function addToTimeline(
  timeline: readonly TimelineEntry[],
  entry: TimelineEntry,
): readonly TimelineEntry[] {
  if (timeline.length < TIMELINE_LIMIT) return [...timeline, entry]
  return [...timeline.slice(0, 1), ...timeline.slice(2 - TIMELINE_LIMIT), entry]
}

/** Returns one sentence about the event for the customer. */
export function describe(event: OrderEvent): string {
  switch (event.type) {
    case 'OrderPlaced':
      return 'Order placed'
    case 'PaymentApprovalAwaited':
      return 'The payment waits for approval'
    case 'OrderConfirmed':
      return 'Order confirmed: the goods are held and the payment is authorised'
    case 'CancellationRequested':
      return 'Cancellation requested'
    case 'CancellationRejected':
      return `The order could not be cancelled: ${event.data.message}`
    case 'OrderCancelled':
      return `Order cancelled: ${event.data.message}`
    case 'OrderShipped':
      return `${units(event.data.lines)} sent`
    case 'OrderShipmentLost':
      return `${units(event.data.lines)} lost on the way`
    case 'LossRefunded':
      return `Refunded for what was lost: ${money(event.data.refund)}`
    case 'OrderRefunded':
      return `Refunded: ${money(event.data.refund)}`
    case 'OrderDelivered':
      return 'Shipment delivered'
    case 'OrderCompleted':
      return 'Order completed'
    case 'ReturnRequested':
      return `Return of ${units(event.data.lines)} requested`
    case 'ReturnReceived':
      return `Return of ${units(event.data.lines)} received`
    case 'ReturnRejected':
      return 'Return not accepted'
    case 'ReturnRefunded':
      return `Refunded for what came back: ${money(event.data.refund)}`
    case 'DebtRecorded':
      return event.data.owedBy === 'CUSTOMER'
        ? `The payment of ${money(event.data.amount)} was refused and is still owed`
        : `The refund of ${money(event.data.amount)} was refused and is still owed to the customer`
    case 'DebtResolved':
      return resolved(event.data)
  }
}

function resolved({ owedBy, amount, resolution }: DebtResolved): string {
  if (resolution === 'WRITTEN_OFF') return `The debt of ${money(amount)} was written off`
  if (resolution === 'DROPPED') return `The ${money(amount)} for what was lost are not owed any more`
  return owedBy === 'CUSTOMER'
    ? `The payment of ${money(amount)} was taken`
    : `The refund of ${money(amount)} was paid`
}

function money(amount: Money): string {
  return `${toDecimal(amount)} ${amount.currency}`
}

function units(lines: readonly SkuQuantity[]): string {
  const count = lines.reduce((sum, line) => sum + line.quantity, 0)
  return count === 1 ? '1 unit' : `${count} units`
}
