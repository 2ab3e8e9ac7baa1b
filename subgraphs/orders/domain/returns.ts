// Decides on returns: which units may be sent back, and how much money they give back.
import { accept, type Refusal, refuse } from '#platform/domain/decision.ts'
import type { Money } from '#platform/domain/money.ts'
import type { SkuQuantity } from '#subgraphs/orders/domain/events.ts'
import { goodsTotal, moneyBack, packUnits, type Sale } from '#subgraphs/orders/domain/money-back.ts'
import { type Order, type OrderReturn, type PlacedOrder, unitsBySku } from '#subgraphs/orders/domain/order.ts'
import { NOT_FOUND, noted, type OrderDecision } from '#subgraphs/orders/domain/order-commands.ts'

/** An order keeps at most this many returns, rejected ones included. */
export const RETURNS_LIMIT = 100

const RETURN_NOT_FOUND: Refusal = { code: 'RETURN_NOT_FOUND', message: 'The order has no such return.' }

export type RequestReturn = {
  readonly returnId: string
  readonly lines: readonly SkuQuantity[]
  readonly reason: string
  readonly at: string
}

/** Requests a return of delivered units. Each unit can be returned once. */
export function requestReturn(order: Order, command: RequestReturn): OrderDecision {
  if (order.status === 'ABSENT') return refuse(NOT_FOUND)
  if (order.status !== 'DELIVERED' && order.status !== 'COMPLETED')
    return refuse({
      code: 'ORDER_NOT_DELIVERED',
      message: 'Goods can be sent back once the order is delivered.',
    })
  if (order.returns.length >= RETURNS_LIMIT)
    return refuse({ code: 'RETURNS_EXHAUSTED', message: `An order takes ${RETURNS_LIMIT} returns at most.` })
  const left = returnable(order)
  const tooMany = command.lines.find(({ sku, quantity }) => quantity > (left.get(sku) ?? 0))
  if (tooMany)
    return refuse({
      code: 'RETURN_EXCEEDS_DELIVERED',
      message: `${left.get(tooMany.sku) ?? 0} units of ${tooMany.sku} can be sent back, not ${tooMany.quantity}.`,
    })
  const { returnId, lines, reason, at } = command
  const refund = refundFor(order, standing(order), lines)
  return accept({
    type: 'ReturnRequested',
    data: { ...noted(order, at), returnId, lines, refund, reason },
  })
}

/** Records that the goods are back. The order is returned once every delivered unit is. */
export function receiveReturn(
  order: Order,
  { returnId, at }: { returnId: string; at: string },
): OrderDecision {
  if (order.status === 'ABSENT') return refuse(NOT_FOUND)
  const found = order.returns.find(entry => entry.returnId === returnId)
  if (!found) return refuse(RETURN_NOT_FOUND)
  switch (found.status) {
    case 'REJECTED':
      return refuse({ code: 'RETURN_REJECTED', message: 'The return was not accepted.' })
    case 'RECEIVED':
    case 'REFUNDED':
      return accept()
    case 'REQUESTED': {
      const { lines } = found
      const refund = refundFor(order, received(order), lines)
      const to = isAllBack(order, lines) ? 'RETURNED' : order.status
      const moved = { ...noted(order, at), from: order.status, to } as const
      return accept({ type: 'ReturnReceived', data: { ...moved, returnId, lines, refund } })
    }
  }
}

export function rejectReturn(
  order: Order,
  { returnId, at }: { returnId: string; at: string },
): OrderDecision {
  if (order.status === 'ABSENT') return refuse(NOT_FOUND)
  const found = order.returns.find(entry => entry.returnId === returnId)
  if (!found) return refuse(RETURN_NOT_FOUND)
  switch (found.status) {
    case 'REJECTED':
      return accept()
    case 'RECEIVED':
    case 'REFUNDED':
      return refuse({ code: 'RETURN_RECEIVED', message: 'The goods are back already.' })
    case 'REQUESTED':
      return accept({ type: 'ReturnRejected', data: { ...noted(order, at), returnId } })
  }
}

/** Records the refund of a received return: `refund`, or the expected amount when it is left out. */
export function noteReturnRefunded(
  order: Order,
  { returnId, refund, at }: { returnId: string; refund?: Money; at: string },
): OrderDecision {
  if (order.status === 'ABSENT') return refuse(NOT_FOUND)
  const found = order.returns.find(entry => entry.returnId === returnId)
  if (!found) return refuse(RETURN_NOT_FOUND)
  switch (found.status) {
    case 'REFUNDED':
      return accept()
    case 'REQUESTED':
    case 'REJECTED':
      return refuse({ code: 'RETURN_NOT_RECEIVED', message: 'The goods are not back.' })
    case 'RECEIVED':
      return accept({
        type: 'ReturnRefunded',
        data: { ...noted(order, at), returnId, refund: refund ?? found.refund },
      })
  }
}

/** Returns the units by SKU that may still be returned: delivered, and in no return that stands. */
export function returnable(order: PlacedOrder): Map<string, number> {
  const units = deliveredUnits(order)
  for (const { sku, quantity } of standing(order).flatMap(entry => entry.lines))
    units.set(sku, (units.get(sku) ?? 0) - quantity)
  return units
}

function deliveredUnits(order: PlacedOrder): Map<string, number> {
  return unitsBySku(
    order.shipments.filter(shipment => shipment.delivered).flatMap(shipment => shipment.lines),
  )
}

function standing(order: PlacedOrder): OrderReturn[] {
  return order.returns.filter(entry => entry.status !== 'REJECTED')
}

/**
 * Returns the expected refund of `lines` after the returns in `before`: what the customer gets back with them, less what
 * was to be given back without. Returns of older builds may have been promised more: they are not promised it twice.
 */
function refundFor(order: PlacedOrder, before: readonly OrderReturn[], lines: readonly SkuQuantity[]): Money {
  const sale = saleOf(order)
  const lost = new Set(order.shipments.flatMap(({ shipmentId, lost }) => (lost ? [shipmentId] : [])))
  const back = before.flatMap(entry => entry.lines)
  const promised = before.reduce((sum, { refund }) => sum + refund.minor, 0)
  const known = Math.max(
    moneyBack(sale, { lost, returned: back }),
    moneyBack(sale, { lost, returned: [] }) + promised,
  )
  const minor = Math.max(moneyBack(sale, { lost, returned: [...back, ...lines] }) - known, 0)
  return { minor, currency: order.total.currency }
}

/** Returns the order as a fully paid sale without charges, since no return gives charges back. */
function saleOf(order: PlacedOrder): Sale {
  const packed = packUnits(
    order.lines,
    order.shipments.map(({ lines }) => lines),
  )
  const parcels = order.shipments.map(({ shipmentId, units }, index) => ({
    id: shipmentId,
    units: units ?? packed[index] ?? [],
    charges: 0,
    unpaid: 0,
  }))
  return { lines: order.lines, goods: goodsTotal(order), parcels }
}

function received(order: PlacedOrder): OrderReturn[] {
  return order.returns.filter(({ status }) => status === 'RECEIVED' || status === 'REFUNDED')
}

function isAllBack(order: PlacedOrder, arriving: readonly SkuQuantity[]): boolean {
  const back = unitsBySku([...received(order).flatMap(entry => entry.lines), ...arriving])
  return [...deliveredUnits(order)].every(([sku, units]) => back.get(sku) === units)
}
