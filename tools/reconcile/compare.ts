// Compares what the services record about one order and names every difference.
import { type Money, toDecimal } from '#platform/domain/money.ts'
import type { ReservationDoc } from '#subgraphs/inventory/queries/views.ts'
import type { OrderStatus } from '#subgraphs/orders/domain/events.ts'
import { type PlacedOrder, unitsBySku } from '#subgraphs/orders/domain/order.ts'
import type { MovementKind } from '#subgraphs/payment/domain/events.ts'
import type { StandingPayment } from '#subgraphs/payment/domain/payment.ts'
import {
  CONTRADICTION,
  isRepeatable,
  type RefusedMovement,
} from '#subgraphs/payment/domain/refused-movement.ts'
import { tenderTotals } from '#subgraphs/payment/domain/totals.ts'
import type { ExistingShipment, ShipmentStatus } from '#subgraphs/shipping/domain/shipment.ts'

/** The records of each service about one order; missing ones are left out. */
export type OrderRecords = {
  readonly orderId: string
  readonly order?: PlacedOrder | undefined
  readonly payment?: StandingPayment | undefined
  readonly reservation?: ReservationDoc | undefined
  readonly shipments: readonly ExistingShipment[]
}

/** Every kind of difference with its meaning. */
export const DIFFERENCE_KINDS = {
  'payment-without-order': 'payment has it, orders does not',
  'reservation-without-order': 'inventory has it, orders does not',
  'shipment-without-order': 'shipping has it, orders does not',
  'payment-missing': 'the order is confirmed, and payment knows nothing of it',
  'payment-amount': 'the payment is not of the order’s total',
  'payment-not-authorised': 'the order is confirmed, and its payment is not authorised',
  'captured-unlike-owed': 'what was captured is not what is owed for the goods that left',
  'refunded-unlike-owed': 'what was refunded is not what the returns come to',
  'money-kept': 'the order is cancelled, and money that was captured is not refunded',
  'money-held': 'the order has ended, and money is still authorised beyond what was captured',
  'debts-differ': 'the open debts of the order are not the refused movements of its payment',
  'reservation-missing': 'the order is confirmed, and inventory holds nothing for it',
  'reserved-unlike-ordered': 'the units that were reserved are not those of the order’s lines',
  'stock-held': 'the order has ended, and stock is still held for it',
  'shipped-unlike-stock': 'the units that left by the order are not those that left the stock',
  'shipped-unlike-parcels': 'the units that left by the order are not those of the dispatched parcels',
  'parcel-missing': 'the order has, or waits for, a parcel that shipping does not know',
  'parcel-unlike-order': 'order and shipping differ on what became of a parcel',
  'stock-impossible': 'less than nothing is on hand, or more is held than is on hand',
  'stock-unlike-reservations': 'the units that are held are not those of the open reservations',
} as const
export type Kind = keyof typeof DIFFERENCE_KINDS

/** `subject` is an order's id, or a SKU and its warehouse. */
export type Difference = { readonly kind: Kind; readonly subject: string; readonly text: string }

type Found = readonly [Kind, string]

const BEFORE_CONFIRMATION: ReadonlySet<OrderStatus> = new Set(['PLACED', 'CANCELLED'])
const ENDED: ReadonlySet<OrderStatus> = new Set(['COMPLETED', 'CANCELLED', 'RETURNED'])
const DISPATCHED: ReadonlySet<ShipmentStatus> = new Set([
  'DISPATCHED',
  'IN_TRANSIT',
  'OUT_FOR_DELIVERY',
  'DELIVERED',
  'LOST',
])
const GIVEN_UP: ReadonlySet<ShipmentStatus> = new Set(['CANCELLED', 'REFUSED'])

/** Returns all differences of one order in a fixed order; none when the services agree. */
export function compare(facts: OrderRecords): Difference[] {
  const { order, orderId } = facts
  const found = order ? compareOrder({ ...facts, order }) : withoutOrder(facts)
  return found.map(([kind, text]) => ({ kind, subject: orderId, text }))
}

function withoutOrder({ payment, reservation, shipments }: OrderRecords): Found[] {
  const parcels = shipments.map(
    ({ id, status }): Found => ['shipment-without-order', `shipment ${id} is ${status}`],
  )
  return [
    ...(payment ? [['payment-without-order', `${moneyOf(payment)}, phase ${payment.phase}`] as const] : []),
    ...(reservation ? [['reservation-without-order', `its stock is ${reservation.status}`] as const] : []),
    ...parcels,
  ]
}

type OrderFacts = OrderRecords & { readonly order: PlacedOrder }

function compareOrder(facts: OrderFacts): Found[] {
  return [...comparePayment(facts), ...compareStock(facts), ...compareParcels(facts)]
}

function comparePayment({ order, payment }: OrderFacts): Found[] {
  const isConfirmed = !BEFORE_CONFIRMATION.has(order.status)
  if (!payment)
    return isConfirmed && order.total.minor > 0
      ? [['payment-missing', `the order is ${order.status}, its total ${amount(order, order.total.minor)}`]]
      : []
  const found: Found[] = []
  if (payment.amount !== order.total.minor || payment.currency !== order.total.currency)
    found.push([
      'payment-amount',
      `${moneyOf(payment)}; the order's total is ${amount(order, order.total.minor)}`,
    ])
  if (isConfirmed && payment.authorisedAt === undefined)
    found.push(['payment-not-authorised', `the order is ${order.status}, the payment ${payment.phase}`])
  return [...found, ...compareMoney(order, payment)]
}

/** Compares the money. A movement that the provider refused is explained: it is on the worklist or was written off. */
function compareMoney(order: PlacedOrder, payment: StandingPayment): Found[] {
  const { authorised, captured, refunded } = tenderTotals(payment)
  const unmoved = (kind: MovementKind) => unmovedBy(payment, kind)
  const state = `${moneyOf(payment)}; the order is ${order.status}`
  const found = debtsThatDiffer(order, payment)
  const held = authorised - captured - unmoved('CAPTURE') - unmoved('VOID')
  if (ENDED.has(order.status) && held > 0) found.push(['money-held', state])
  if (order.status === 'CANCELLED')
    return captured === refunded + unmoved('REFUND') ? found : [...found, ['money-kept', state]]
  const allLeft = hasLeft(order)
  const tooMuch = captured + unmoved('CAPTURE') - order.total.minor
  if (allLeft && (tooMuch < 0 || tooMuch > refunded + unmoved('REFUND')))
    found.push(['captured-unlike-owed', `${state}, its total is ${amount(order, order.total.minor)}`])
  const owedBack = sumOf(order.returns.filter(isBack).map(({ refund }) => refund))
  const dueBack = owedBack + (allLeft ? Math.max(tooMuch, 0) : 0)
  return refunded + unmoved('REFUND') < dueBack || refunded > captured
    ? [...found, ['refunded-unlike-owed', `${state}, its returns come to ${amount(order, owedBack)}`]]
    : found
}

function hasLeft({ lines }: PlacedOrder): boolean {
  return lines.every(line => line.shipped === line.quantity)
}

function isBack({ status }: PlacedOrder['returns'][number]): boolean {
  return status === 'RECEIVED' || status === 'REFUNDED'
}

function unmovedBy({ refused }: StandingPayment, kind: MovementKind): number {
  const entries = refused.filter(entry => entry.kind === kind && !movedTooMuch(entry))
  return sumOf(
    entries.filter(({ status }) => status === 'OPEN' || status === 'WRITTEN_OFF').map(entry => entry.amount),
  )
}

function movedTooMuch({ code }: RefusedMovement): boolean {
  return code === CONTRADICTION.excessRefund
}

/**
 * Refused captures and refunds are debts of the order under the same ids. Two are not: a refund that was too much, and a
 * capture that may have moved money for goods that stayed. Nobody owes them; an operator decides.
 */
function debtsThatDiffer(order: PlacedOrder, payment: StandingPayment): Found[] {
  const allLeft = hasLeft(order)
  const debts = order.debts.filter(({ resolution }) => resolution === undefined).map(({ debtId }) => debtId)
  const refused = payment.refused
    .filter(({ kind, status }) => kind !== 'VOID' && status === 'OPEN')
    .filter(entry => !movedTooMuch(entry) && (allLeft || entry.kind === 'REFUND' || isRepeatable(entry)))
    .map(({ id }) => id)
  return [
    ...debts
      .filter(id => !refused.includes(id))
      .map(
        (id): Found => ['debts-differ', `${id} is a debt of the order, and no open refusal of its payment`],
      ),
    ...refused
      .filter(id => !debts.includes(id))
      .map(
        (id): Found => ['debts-differ', `${id} is an open refusal of the payment, and no debt of the order`],
      ),
  ]
}

function sumOf(amounts: readonly Money[]): number {
  return amounts.reduce((sum, { minor }) => sum + minor, 0)
}

function compareStock({ order, reservation }: OrderFacts): Found[] {
  const isConfirmed = !BEFORE_CONFIRMATION.has(order.status)
  if (!reservation) return isConfirmed ? [['reservation-missing', `the order is ${order.status}`]] : []
  const isHeld = reservation.status === 'HELD' || reservation.status === 'COMMITTED'
  const reserved = unitsBySku(reservation.allocations)
  const ordered = unitsBySku(order.lines)
  const left = unitsBySku(shippedLines(order))
  const leftStock = unitsBySku(
    reservation.allocations.map(({ sku, shipped }) => ({ sku, quantity: shipped })),
  )
  return [
    ...(ENDED.has(order.status) && isHeld
      ? [['stock-held', `the order is ${order.status}, its stock ${reservation.status}`] as const]
      : []),
    ...(isConfirmed ? unlike('reserved-unlike-ordered', ['ordered', ordered], ['reserved', reserved]) : []),
    ...unlike('shipped-unlike-stock', ['shipped by the order', left], ['shipped from stock', leftStock]),
  ]
}

function shippedLines(order: PlacedOrder) {
  return order.lines.map(({ sku, shipped }) => ({ sku, quantity: shipped }))
}

function compareParcels({ order, shipments }: OrderFacts): Found[] {
  const dispatched = shipments.filter(({ status }) => DISPATCHED.has(status))
  const known = new Set(shipments.map(({ id }) => id))
  const missing = order.shipments
    .filter(({ shipmentId }) => !known.has(shipmentId))
    .map(({ shipmentId }): Found => ['parcel-missing', `shipping does not know ${shipmentId}`])
  const [left, inParcels] = [shippedLines(order), dispatched.flatMap(({ lines }) => lines)].map(unitsBySku)
  return [
    ...missing,
    ...awaitedParcels(order, shipments),
    ...(missing.length > 0 || !left || !inParcels
      ? []
      : unlike(
          'shipped-unlike-parcels',
          ['shipped by the order', left],
          ['in dispatched parcels', inParcels],
        )),
    ...differentFates(order, shipments),
  ]
}

/** Checks that a confirmed order has parcels for all its units, unless a part of it is being cancelled. */
function awaitedParcels(order: PlacedOrder, shipments: readonly ExistingShipment[]): Found[] {
  if (order.status !== 'CONFIRMED' || order.cancellationRequested) return []
  const parcels = unitsBySku(
    shipments.filter(({ status }) => !GIVEN_UP.has(status)).flatMap(({ lines }) => lines),
  )
  return unlike('parcel-missing', ['ordered', unitsBySku(order.lines)], ['in parcels', parcels])
}

function differentFates(order: PlacedOrder, shipments: readonly ExistingShipment[]): Found[] {
  const isDelivered = new Map(order.shipments.map(({ shipmentId, delivered }) => [shipmentId, delivered]))
  return shipments.flatMap(({ id, status }): Found[] => {
    const hasEnded = order.status === 'CANCELLED' || order.status === 'COMPLETED'
    const isOpen = !GIVEN_UP.has(status) && status !== 'DELIVERED' && status !== 'LOST'
    if (hasEnded && isOpen) return [['parcel-unlike-order', `${id} is ${status}, the order ${order.status}`]]
    if (isDelivered.get(id) === true && status !== 'DELIVERED')
      return [['parcel-unlike-order', `${id} is ${status}, and delivered by the order`]]
    return isDelivered.get(id) === false && status === 'DELIVERED'
      ? [['parcel-unlike-order', `${id} is ${status}, and not delivered by the order`]]
      : []
  })
}

type Named = readonly [name: string, units: ReadonlyMap<string, number>]

function unlike(kind: Kind, [oneName, one]: Named, [otherName, other]: Named): Found[] {
  const skus = [...new Set([...one.keys(), ...other.keys()])].sort()
  return skus.flatMap((sku): Found[] => {
    const [here, there] = [one.get(sku) ?? 0, other.get(sku) ?? 0]
    return here === there ? [] : [[kind, `${sku}: ${here} ${oneName}, ${there} ${otherName}`]]
  })
}

function moneyOf(payment: StandingPayment): string {
  const { authorised, captured, refunded } = tenderTotals(payment)
  const show = (minor: number) => toDecimal({ minor, currency: payment.currency })
  return `requested ${show(payment.amount)}, authorised ${show(authorised)}, captured ${show(captured)}, refunded ${show(refunded)} ${payment.currency}`
}

function amount(order: PlacedOrder, minor: number): string {
  return `${toDecimal({ minor, currency: order.total.currency })} ${order.total.currency}`
}
