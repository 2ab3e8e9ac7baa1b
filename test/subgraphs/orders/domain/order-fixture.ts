// Builds orders for given/when/then tests, beginning with a placed one.
import type { Decision, Refusal } from '#platform/domain/decision.ts'
import type { OrderEvent, OrderPlaced, SkuQuantity } from '#subgraphs/orders/domain/events.ts'
import { absent, evolve, type Order, type PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import * as decide from '#subgraphs/orders/domain/order-commands.ts'
import { orderNumber } from '#subgraphs/orders/domain/order-number.ts'

export const ORDER_ID = 'ord_0190a5b2-7c1e-7000-8000-0123456789ab'
export const CUSTOMER_ID = 'cus_0190a5b2-7c1e-7000-8000-000000000001'
export const AT = '2026-03-01T10:00:00.000Z'

export function usd(minor: number): { minor: number; currency: string } {
  return { minor, currency: 'USD' }
}

/** Three mugs at 10.00 and two pots at 25.00, 5.00 for shipping: 85.00 by card. */
export function placement(changes: Partial<OrderPlaced> = {}): OrderPlaced {
  return {
    orderId: ORDER_ID,
    number: orderNumber(ORDER_ID),
    reference: 'PO-77',
    customer: { id: CUSTOMER_ID, name: 'Ada Byron', email: 'ada@example.com' },
    lines: [
      { lineNo: 1, sku: 'MUG', title: 'Mug', quantity: 3, unitPrice: usd(1000), weightGrams: 300 },
      { lineNo: 2, sku: 'POT', title: 'Pot', quantity: 2, unitPrice: usd(2500), weightGrams: 900 },
    ],
    itemsTotal: usd(8000),
    shippingFee: usd(500),
    adjustments: [],
    total: usd(8500),
    tenders: [{ kind: 'CARD', token: 'tok_approve', amount: usd(8500) }],
    deliveryAddress: {
      name: 'Ada',
      line1: 'St James Sq 12',
      city: 'London',
      postalCode: 'SW1',
      country: 'GB',
    },
    shippingOption: 'STANDARD',
    placedAt: AT,
    ...changes,
  }
}

export function placedEvent(changes: Partial<OrderPlaced> = {}): OrderEvent {
  return { type: 'OrderPlaced', data: placement(changes) }
}

export type Step = (order: Order) => Decision<OrderEvent, Refusal>

export const place: Step = order => decide.place(order, placement())
export const confirm: Step = order => decide.confirm(order, { at: AT })
export const complete: Step = order => decide.complete(order, { at: AT })

/** Ships units of the lines, given as pairs of SKU and quantity. */
export function ship(shipmentId: string, ...lines: [string, number][]): Step {
  return order => decide.noteShipped(order, { shipmentId, lines: lines.map(toUnits), at: AT })
}

export function toUnits([sku, quantity]: [string, number]): SkuQuantity {
  return { sku, quantity }
}

export function deliver(shipmentId: string): Step {
  return order => decide.noteDelivered(order, { shipmentId, at: AT })
}

/** The order after each of `steps` was accepted in turn. */
export function given(...steps: Step[]): Order {
  return steps.reduce((order: Order, step) => {
    const decision = step(order)
    if ('refused' in decision) throw new Error(`the history is refused: ${decision.refused.code}`)
    return decision.accepted.reduce(evolve, order)
  }, absent)
}

export function isPlaced(order: Order): order is PlacedOrder {
  return order.status !== 'ABSENT'
}

export function must(order: Order): PlacedOrder {
  if (!isPlaced(order)) throw new Error('there is no order')
  return order
}

/** The types of the accepted events, or the refusal's code. */
export function outcome(decision: Decision<OrderEvent, Refusal>): string {
  if ('refused' in decision) return decision.refused.code
  return decision.accepted.map(event => event.type).join(' ') || 'nothing'
}
