// What a fulfilment wants done, from what it knows: the whole list at any time, asked for already or not. Pure.
import type { JsonObject } from '#platform/domain/json.ts'
import type { Effect } from '#platform/saga/saga.ts'
import { tellDebts } from './debts.ts'
import { quantities } from './parcels.ts'
import { otherRefunds } from './refunds.ts'
import type { Fulfilment, FulfilmentOrder, Parcel, ReceivedReturn } from './state.ts'
import {
  APPROVAL_TIMER,
  answered,
  call,
  captured,
  captureStep,
  createStep,
  forwardInFlight,
  goesOnInPart,
  hasMoved,
  inFlight,
  isCaptureAnswered,
  isCaptureOver,
  isGivenUp,
  isTakingMoney,
  mayHaveHappened,
  partsAreCertain,
  paymentStanding,
  shipped,
  succeeded,
} from './state.ts'

type Known = Fulfilment & { readonly order: FulfilmentOrder }
type Wish = (state: Known) => Effect[]

/**
 * Every effect that the state calls for, in order. A wish stays true after it was asked for, so asking is a
 * difference of two lists, and whatever repeats or comes late asks for nothing.
 */
export function wishes(state: Fulfilment): Effect[] {
  const { order } = state
  if (!order) return []
  const known = { ...state, order }
  return WISHES.flatMap(wish => wish(known))
}

const WISHES: readonly Wish[] = [
  forward,
  approvalTimer,
  cancelShipments,
  deliverParcels,
  takeMoney,
  giveMoneyBack,
  tellDebts,
  giveUp,
  giveBackTheRest,
  complete,
  rejectCancellation,
  settleReturns,
  noteRefunds,
]

/** The way to the shipments, a step at a time; each has the answers of those before it. */
function forward(state: Known): Effect[] {
  if (state.stop) return []
  const { order } = state
  if (!succeeded(state, 'reserve-stock')) return [reserve(state)]
  const standing = paymentStanding(state)
  if (standing === 'unasked') return [authorise(order)]
  if (standing === 'awaiting')
    return [call('await-approval', 'orders.noteApprovalAwaited', { orderId: order.orderId })]
  if (standing !== 'authorised' || inFlight(state, 'await-approval')) return []
  if (!succeeded(state, 'commit-stock'))
    return [call('commit-stock', 'inventory.commitReservation', holdOf(order))]
  if (!succeeded(state, 'confirm-order'))
    return [call('confirm-order', 'orders.confirmOrder', { orderId: order.orderId })]
  return state.parcels.map(parcel => createShipment(order, parcel))
}

function reserve({ order, startedAt, reservationMs }: Known): Effect {
  return call('reserve-stock', 'inventory.reserveStock', {
    orderId: order.orderId,
    customerId: order.customerId,
    lines: quantities(order),
    expiresAt: later(startedAt, reservationMs),
  })
}

/** The one step that gives up: a customer does not wait for ever to hear whether the money is there, and it can be voided. */
function authorise({ orderId, customerId, total, tenders }: FulfilmentOrder): Effect {
  const input = { orderId, customerId, amount: total, tenders }
  return { ...call('authorise-payment', 'payment.authorisePayment', input), patience: 'bounded' }
}

/** Endless: a label whose creation is not answered cannot be cancelled, and a confirmed order outlives an outage. */
function createShipment(order: FulfilmentOrder, parcel: Parcel): Effect {
  return call(createStep(parcel), 'shipping.createShipment', {
    orderId: order.orderId,
    customerId: order.customerId,
    warehouse: parcel.warehouse,
    option: order.option,
    lines: parcel.lines,
    weightGrams: parcel.weightGrams,
    address: order.address,
    ...(order.instructions === undefined ? {} : { instructions: order.instructions }),
  })
}

function approvalTimer(state: Known): Effect[] {
  const isWaiting = !state.stop && paymentStanding(state) === 'awaiting'
  if (isWaiting && state.approvalTimer === 'idle' && state.pendingSince !== null) {
    const dueAt = later(state.pendingSince, state.approvalTimeoutMs)
    return [{ kind: 'start-timer', timer: APPROVAL_TIMER, dueAt }]
  }
  if (!isWaiting && state.approvalTimer === 'started')
    return [{ kind: 'cancel-timer', timer: APPROVAL_TIMER }]
  return []
}

/** Once every shipment that was asked for exists or was refused, those that still can be are called back, all at once. */
function cancelShipments(state: Known): Effect[] {
  if (!state.stop || forwardInFlight(state)) return []
  return state.parcels
    .filter(({ fate, shipmentId }) => fate === 'open' && shipmentId !== undefined)
    .map(({ shipmentId }) => call(`cancel-shipment:${shipmentId}`, 'shipping.cancelShipment', { shipmentId }))
}

/** Goods that left: stock follows, and the customer is told. */
function deliverParcels(state: Known): Effect[] {
  return shipped(state).flatMap(parcel => deliverParcel(state, parcel))
}

function deliverParcel(state: Known, parcel: Parcel): Effect[] {
  const { warehouse, lines, units, shipmentId = '', fate } = parcel
  const { orderId, total, goodsTotal } = state.order
  const contents = goodsTotal ? { lines, units } : { lines }
  const effects = [
    call(`ship-stock:${shipmentId}`, 'inventory.shipStock', { orderId, warehouse, lines }),
    call(`note-shipped:${shipmentId}`, 'orders.noteShipped', { orderId, shipmentId, ...contents }),
  ]
  if (fate === 'delivered' && answered(state, `note-shipped:${shipmentId}`))
    effects.push(call(`note-delivered:${shipmentId}`, 'orders.noteDelivered', { orderId, shipmentId }))
  if (isToldLost(state, parcel) && answered(state, `note-shipped:${shipmentId}`))
    effects.push(call(`note-lost:${shipmentId}`, 'orders.noteLost', { orderId, shipmentId }))
  if (isToldRefunded(state, parcel)) {
    const refund = { minor: state.refunds[shipmentId] ?? 0, currency: total.currency }
    effects.push(call(refundNote(shipmentId), 'orders.noteLossRefunded', { orderId, shipmentId, refund }))
  }
  return effects
}

function refundNote(shipmentId: string): string {
  return `note-loss-refunded:${shipmentId}`
}

/** A refund that was refused is not noted as one until it is paid. */
function isToldRefunded(state: Known, parcel: Parcel): boolean {
  const { shipmentId } = parcel
  if (!isToldLost(state, parcel) || !answered(state, `note-lost:${shipmentId}`)) return false
  const step = `refund:${shipmentId}`
  return hasMoved(state, step)
}

/** Histories of older builds do not tell the order of a loss. */
function isToldLost({ order }: Known, { fate }: Parcel): boolean {
  return fate === 'lost' && order.goodsTotal !== undefined
}

/** For every parcel that is billed: before it is collected, so that goods which are not paid for can be kept back. */
function takeMoney({ parcels, order: { orderId, total } }: Known): Effect[] {
  return parcels.flatMap(parcel => {
    const amount = { minor: parcel.billed ?? 0, currency: total.currency }
    return amount.minor > 0 ? [call(captureStep(parcel), 'payment.capturePayment', { orderId, amount })] : []
  })
}

/** Those of parcels; a return's refund holds nothing up. */
function areRefundsAnswered(state: Known): boolean {
  return state.parcels.every(
    ({ shipmentId = '' }) => !state.refunds[shipmentId] || answered(state, `refund:${shipmentId}`),
  )
}

function giveMoneyBack({ refunds, order: { orderId, total } }: Known): Effect[] {
  return Object.entries(refunds).flatMap(([id, minor]) => {
    const amount = { minor, currency: total.currency }
    return minor > 0 ? [call(`refund:${id}`, 'payment.refundPayment', { orderId, amount })] : []
  })
}

/** Nothing ships: money and stock go back, side by side; the order is cancelled when both have. */
function giveUp(state: Known): Effect[] {
  if (!isGivenUp(state) || !state.stop || isTakingMoney(state)) return []
  const { orderId, total } = state.order
  const back: Effect[] = []
  const isHeld = captured(state) < total.minor
  if (mayHaveHappened(state, 'authorise-payment') && isHeld) back.push(voidPayment(orderId))
  if (mayHaveHappened(state, 'reserve-stock')) back.push(releaseStock(state.order))
  const isBack = back.every(effect => effect.kind === 'call' && answered(state, effect.step))
  if (!isBack || !areRefundsAnswered(state)) return back
  const { reason, message, details } = state.stop
  return [...back, call('cancel-order', 'orders.cancelFulfilment', { orderId, reason, message, details })]
}

/**
 * What is held beyond the parcels that ship, once those have taken theirs: void and release both let go of everything.
 * Stock does not wait for a debt, which an operator may take days to settle.
 */
function giveBackTheRest(state: Known): Effect[] {
  if (!hasLeft(state)) return []
  const { orderId, total } = state.order
  const effects: Effect[] = []
  if (isSettled(state) && captured(state) < total.minor) effects.push(voidPayment(orderId))
  if (shipped(state).length < state.parcels.length) effects.push(releaseStock(state.order))
  return effects
}

/** The parcels that ship are all dispatched, and their stock and money have moved; none of them is in debt. */
function isSettled(state: Known): boolean {
  return hasLeft(state) && shipped(state).every(parcel => isCaptureOver(state, parcel))
}

/** The same, but that some may be in debt. */
function hasLeft(state: Known): boolean {
  if (!isUnderWay(state) || isTakingMoney(state)) return false
  return shipped(state).every(
    parcel => answered(state, `ship-stock:${parcel.shipmentId}`) && isCaptureAnswered(state, parcel),
  )
}

/** Every parcel that ships is with the carrier: none is to be created, collected or called back. */
function isUnderWay(state: Known): boolean {
  if (!succeeded(state, 'confirm-order') || !partsAreCertain(state)) return false
  return state.stop ? goesOnInPart(state) : state.parcels.every(({ fate }) => fate !== 'open')
}

function complete(state: Known): Effect[] {
  const isOver =
    isSettled(state) &&
    giveBackTheRest(state).every(effect => effect.kind === 'call' && answered(state, effect.step)) &&
    areRefundsAnswered(state) &&
    shipped(state).every(parcel => parcelIsOver(state, parcel))
  return isOver ? [call('complete-order', 'orders.completeOrder', { orderId: state.order.orderId })] : []
}

function parcelIsOver(state: Known, parcel: Parcel): boolean {
  const { fate, shipmentId = '' } = parcel
  if (!answered(state, `note-shipped:${shipmentId}`)) return false
  if (fate === 'delivered') return answered(state, `note-delivered:${shipmentId}`)
  if (fate !== 'lost') return false
  if (isToldLost(state, parcel) && !answered(state, `note-lost:${shipmentId}`)) return false
  return !isToldRefunded(state, parcel) || answered(state, refundNote(shipmentId))
}

/** A cancellation that came too late, for all of the order or for a part of it. */
function rejectCancellation(state: Known): Effect[] {
  const isTooLate = state.cancellationRequested && (!state.stop || goesOnInPart(state))
  if (!isTooLate) return []
  const { orderId } = state.order
  const message =
    goesOnInPart(state) && shipped(state).length < state.parcels.length
      ? cancelledInPart(state)
      : 'The order is already with the carrier and cannot be cancelled any more.'
  return [call('reject-cancellation', 'orders.rejectCancellation', { orderId, message })]
}

function cancelledInPart(state: Known): string {
  const sent = shipped(state)
  const rest = state.parcels.filter(parcel => !sent.includes(parcel))
  return (
    `What is with the carrier already cannot be cancelled any more: ${contentsOf(sent)}; ` +
    `the rest is cancelled, and its money goes back: ${contentsOf(rest)}.`
  )
}

const MOST_NAMED = 10

/** Such as "2 x mug-01, 1 x pen-01"; of many products, the first ten and how many more. */
function contentsOf(parcels: readonly Parcel[]): string {
  const units = quantities({ lines: parcels.flatMap(({ lines }) => lines) })
  const named = units.map(({ sku, quantity }) => `${quantity} x ${sku}`)
  const more = named.length - MOST_NAMED
  return named.slice(0, MOST_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

function settleReturns(state: Known): Effect[] {
  if (isTakingMoney(state) || shipped(state).length === 0) return []
  return state.returns.flatMap(received => settleReturn(state, received))
}

/** A refund that was refused is not noted as one until it is paid: the return stays received, with a debt to settle. */
function settleReturn(state: Known, { returnId, lines }: ReceivedReturn): Effect[] {
  const { orderId, total, goodsTotal } = state.order
  const refund = { minor: state.refunds[returnId] ?? 0, currency: total.currency }
  const effects: Effect[] = [call(`restock:${returnId}`, 'inventory.restock', { orderId, lines })]
  const step = `refund:${returnId}`
  const isRefunded = refund.minor === 0 || hasMoved(state, step)
  const noted = goodsTotal ? { orderId, returnId, refund } : { orderId, returnId }
  if (isRefunded && answered(state, `restock:${returnId}`))
    effects.push(call(`note-refunded:${returnId}`, 'orders.noteReturnRefunded', noted))
  return effects
}

/** A loss and a return are noted with their own refunds. */
function noteRefunds(state: Known): Effect[] {
  const { orderId, total } = state.order
  return otherRefunds(state).flatMap(([refundId, minor]) => {
    const step = `refund:${refundId}`
    const isPaid = hasMoved(state, step)
    const noted = { orderId, refundId, refund: { ...total, minor } }
    return isPaid ? [call(`note-refund:${refundId}`, 'orders.noteRefunded', noted)] : []
  })
}

function voidPayment(orderId: string): Effect {
  return call('void-payment', 'payment.voidPayment', { orderId })
}

function releaseStock(order: FulfilmentOrder): Effect {
  return call('release-stock', 'inventory.releaseReservation', holdOf(order))
}

/** Inventory keeps a hold by SKU, so a command on it names them all. */
function holdOf(order: FulfilmentOrder): JsonObject {
  return { orderId: order.orderId, skus: quantities(order).map(({ sku }) => sku) }
}

function later(instant: string, ms: number): string {
  return new Date(Date.parse(instant) + ms).toISOString()
}
