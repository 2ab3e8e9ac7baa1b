// Derives every effect that a fulfilment's state calls for, whether it was requested already or not.
import type { JsonObject } from '#platform/domain/json.ts'
import type { Effect } from '#platform/saga/saga.ts'
import { joinedBySku } from '#subgraphs/orders/domain/order.ts'
import { reportDebts } from './debts.ts'
import { otherRefunds } from './refunds.ts'
import type { Fulfilment, FulfilmentOrder, Parcel, ReceivedReturn } from './state.ts'
import {
  APPROVAL_TIMER,
  areShipmentsDecided,
  call,
  capturedTotal,
  captureStep,
  continuesInPart,
  createStep,
  hasMoved,
  hasSucceeded,
  isCancelledWhole,
  isCaptureFinished,
  isCaptureSettled,
  isCapturing,
  isFinished,
  isForwardStepInFlight,
  isHoldFresh,
  isInFlight,
  mayHaveHappened,
  paymentStatus,
  shippedParcels,
} from './state.ts'

type StartedFulfilment = Fulfilment & { readonly order: FulfilmentOrder }
type EffectRule = (state: StartedFulfilment) => Effect[]

/**
 * Returns every effect that the state calls for, in order. An effect stays in the list after it was requested: the caller
 * requests only those that are new, so a repeated or late event requests nothing.
 */
export function desiredEffects(state: Fulfilment): Effect[] {
  const { order } = state
  if (!order) return []
  const started = { ...state, order }
  return RULES.flatMap(rule => rule(started))
}

const RULES: readonly EffectRule[] = [
  advanceOrder,
  approvalTimer,
  cancelShipments,
  deliverParcels,
  capturePayments,
  refundPayments,
  reportDebts,
  cancelOrder,
  releaseRemainder,
  complete,
  rejectCancellation,
  settleReturns,
  noteRefunds,
]

/**
 * Advances the order to its shipments one step at a time. Each step begins after the ones before it have succeeded; but
 * while there is stock enough, the payment is authorised beside the hold, and the order confirmed beside the commit of
 * a hold that is still fresh. Nothing is labelled, and so nothing captured, before the commit.
 */
function advanceOrder(state: StartedFulfilment): Effect[] {
  if (state.stop) return []
  const { order } = state
  const payment = paymentStatus(state)
  if (!hasSucceeded(state, 'reserve-stock')) {
    const isBeside = state.ampleStock && payment === 'not-requested'
    return isBeside ? [reserve(state), authorise(order)] : [reserve(state)]
  }
  if (payment === 'not-requested') return [authorise(order)]
  if (payment === 'awaiting-approval')
    return [call('await-approval', 'orders.noteApprovalAwaited', { orderId: order.orderId })]
  if (payment !== 'authorised' || isInFlight(state, 'await-approval')) return []
  const confirm = call('confirm-order', 'orders.confirmOrder', { orderId: order.orderId })
  if (!hasSucceeded(state, 'commit-stock')) {
    const commit = call('commit-stock', 'inventory.commitReservation', holdOf(order))
    const isBeside = state.ampleStock && state.pendingSince === null && isHoldFresh(state)
    return isBeside ? [commit, confirm] : [commit]
  }
  if (!hasSucceeded(state, 'confirm-order')) return [confirm]
  return state.parcels.map(parcel => createShipment(order, parcel))
}

function reserve({ order, startedAt, reservationMs }: StartedFulfilment): Effect {
  return call('reserve-stock', 'inventory.reserveStock', {
    orderId: order.orderId,
    customerId: order.customerId,
    lines: joinedBySku(order.lines),
    expiresAt: later(startedAt, reservationMs),
  })
}

/** This is the only step with bounded retries: the customer waits for it, and an authorisation can be voided afterwards. */
function authorise({ orderId, customerId, total, tenders }: FulfilmentOrder): Effect {
  const input = { orderId, customerId, amount: total, tenders }
  return { ...call('authorise-payment', 'payment.authorisePayment', input), patience: 'bounded' }
}

/** This step is retried without end: a label whose creation has no response cannot be cancelled, and a confirmed order outlasts an outage. */
function createShipment(order: FulfilmentOrder, parcel: Parcel): Effect {
  return call(createStep(parcel), 'shipping.createShipment', {
    orderId: order.orderId,
    customerId: order.customerId,
    warehouse: parcel.warehouse,
    option: order.option,
    lines: parcel.lines,
    weightGrams: parcel.weightGrams,
    address: order.address,
    ...(order.instructions !== undefined && { instructions: order.instructions }),
  })
}

function approvalTimer(state: StartedFulfilment): Effect[] {
  const isWaiting = !state.stop && paymentStatus(state) === 'awaiting-approval'
  if (isWaiting && state.approvalTimer === 'idle' && state.pendingSince !== null) {
    const dueAt = later(state.pendingSince, state.approvalTimeoutMs)
    return [{ kind: 'start-timer', timer: APPROVAL_TIMER, dueAt }]
  }
  if (!isWaiting && state.approvalTimer === 'started')
    return [{ kind: 'cancel-timer', timer: APPROVAL_TIMER }]
  return []
}

/** After every requested shipment exists or was refused, cancels all shipments that are still open. */
function cancelShipments(state: StartedFulfilment): Effect[] {
  if (!state.stop || isForwardStepInFlight(state)) return []
  return state.parcels
    .filter(({ fate, shipmentId }) => fate === 'open' && shipmentId !== undefined)
    .map(({ shipmentId }) => call(`cancel-shipment:${shipmentId}`, 'shipping.cancelShipment', { shipmentId }))
}

/** Ships the stock of dispatched parcels, and notes their progress on the order. */
function deliverParcels(state: StartedFulfilment): Effect[] {
  return shippedParcels(state).flatMap(parcel => deliverParcel(state, parcel))
}

function deliverParcel(state: StartedFulfilment, parcel: Parcel): Effect[] {
  const { warehouse, lines, units, shipmentId = '', fate } = parcel
  const { orderId, total, goodsTotal } = state.order
  const contents = goodsTotal ? { lines, units } : { lines }
  const effects = [
    call(`ship-stock:${shipmentId}`, 'inventory.shipStock', { orderId, warehouse, lines }),
    call(`note-shipped:${shipmentId}`, 'orders.noteShipped', { orderId, shipmentId, ...contents }),
  ]
  if (fate === 'delivered' && isFinished(state, `note-shipped:${shipmentId}`))
    effects.push(call(`note-delivered:${shipmentId}`, 'orders.noteDelivered', { orderId, shipmentId }))
  if (isLossReported(state, parcel) && isFinished(state, `note-shipped:${shipmentId}`))
    effects.push(call(`note-lost:${shipmentId}`, 'orders.noteLost', { orderId, shipmentId }))
  if (isRefundReported(state, parcel)) {
    const refund = { minor: state.refunds[shipmentId] ?? 0, currency: total.currency }
    effects.push(call(refundNote(shipmentId), 'orders.noteLossRefunded', { orderId, shipmentId, refund }))
  }
  return effects
}

function refundNote(shipmentId: string): string {
  return `note-loss-refunded:${shipmentId}`
}

/** A refused refund is not noted on the order until it is paid. */
function isRefundReported(state: StartedFulfilment, parcel: Parcel): boolean {
  const { shipmentId } = parcel
  if (!isLossReported(state, parcel) || !isFinished(state, `note-lost:${shipmentId}`)) return false
  return hasMoved(state, `refund:${shipmentId}`)
}

/** Histories of older builds do not note a loss on the order. */
function isLossReported({ order }: StartedFulfilment, { fate }: Parcel): boolean {
  return fate === 'lost' && order.goodsTotal !== undefined
}

/** Captures the money for every parcel that is billed. */
function capturePayments({ parcels, order: { orderId, total } }: StartedFulfilment): Effect[] {
  return parcels.flatMap(parcel => {
    const amount = { minor: parcel.billed ?? 0, currency: total.currency }
    return amount.minor > 0 ? [call(captureStep(parcel), 'payment.capturePayment', { orderId, amount })] : []
  })
}

/** True when the refunds of all parcels are finished. Refunds of returns are not waited for. */
function areRefundsFinished(state: StartedFulfilment): boolean {
  return state.parcels.every(
    ({ shipmentId = '' }) => !state.refunds[shipmentId] || isFinished(state, `refund:${shipmentId}`),
  )
}

function refundPayments({ refunds, order: { orderId, total } }: StartedFulfilment): Effect[] {
  return Object.entries(refunds).flatMap(([id, minor]) => {
    const amount = { minor, currency: total.currency }
    return minor > 0 ? [call(`refund:${id}`, 'payment.refundPayment', { orderId, amount })] : []
  })
}

/**
 * When nothing ships, voids the payment and releases the stock in parallel, and then cancels the order. Beside a refused
 * hold the authorisation may still be in flight: the order is cancelled at once, and the payment voided after its answer.
 */
function cancelOrder(state: StartedFulfilment): Effect[] {
  if (!isCancelledWhole(state) || !state.stop || isCapturing(state)) return []
  const { orderId, total } = state.order
  const back: Effect[] = []
  const isHeld = capturedTotal(state) < total.minor && !isInFlight(state, 'authorise-payment')
  if (mayHaveHappened(state, 'authorise-payment') && isHeld) back.push(voidPayment(orderId))
  if (mayHaveHappened(state, 'reserve-stock')) back.push(releaseStock(state.order))
  const isBack = back.every(effect => effect.kind === 'call' && isFinished(state, effect.step))
  if (!isBack || !areRefundsFinished(state)) return back
  const { reason, message, details } = state.stop
  return [...back, call('cancel-order', 'orders.cancelFulfilment', { orderId, reason, message, details })]
}

/**
 * Releases the money and the stock that are held beyond the parcels that ship, after those have used theirs.
 * Stock does not wait for a debt, which an operator may take days to settle.
 */
function releaseRemainder(state: StartedFulfilment): Effect[] {
  if (!haveParcelsLeft(state)) return []
  const { orderId, total } = state.order
  const effects: Effect[] = []
  if (isSettled(state) && capturedTotal(state) < total.minor) effects.push(voidPayment(orderId))
  if (shippedParcels(state).length < state.parcels.length) effects.push(releaseStock(state.order))
  return effects
}

/** True when the parcels that ship are all dispatched, their stock and money have moved, and none of them has an open debt. */
function isSettled(state: StartedFulfilment): boolean {
  return haveParcelsLeft(state) && shippedParcels(state).every(parcel => isCaptureSettled(state, parcel))
}

/** Like `isSettled`, but some parcels may have an open debt. */
function haveParcelsLeft(state: StartedFulfilment): boolean {
  if (!areAllWithCarrier(state) || isCapturing(state)) return false
  return shippedParcels(state).every(
    parcel => isFinished(state, `ship-stock:${parcel.shipmentId}`) && isCaptureFinished(state, parcel),
  )
}

/** True when every parcel that ships is with the carrier, and no other is still to be created, collected or cancelled. */
function areAllWithCarrier(state: StartedFulfilment): boolean {
  if (!hasSucceeded(state, 'confirm-order') || !areShipmentsDecided(state)) return false
  return state.stop ? continuesInPart(state) : state.parcels.every(({ fate }) => fate !== 'open')
}

function complete(state: StartedFulfilment): Effect[] {
  const isOver =
    isSettled(state) &&
    releaseRemainder(state).every(effect => effect.kind === 'call' && isFinished(state, effect.step)) &&
    areRefundsFinished(state) &&
    shippedParcels(state).every(parcel => isParcelFinished(state, parcel))
  return isOver ? [call('complete-order', 'orders.completeOrder', { orderId: state.order.orderId })] : []
}

function isParcelFinished(state: StartedFulfilment, parcel: Parcel): boolean {
  const { fate, shipmentId = '' } = parcel
  if (!isFinished(state, `note-shipped:${shipmentId}`)) return false
  if (fate === 'delivered') return isFinished(state, `note-delivered:${shipmentId}`)
  if (fate !== 'lost') return false
  if (isLossReported(state, parcel) && !isFinished(state, `note-lost:${shipmentId}`)) return false
  return !isRefundReported(state, parcel) || isFinished(state, refundNote(shipmentId))
}

/** Rejects a cancellation that came too late for all of the order or for a part of it. */
function rejectCancellation(state: StartedFulfilment): Effect[] {
  const isTooLate = state.cancellationRequested && (!state.stop || continuesInPart(state))
  if (!isTooLate) return []
  const { orderId } = state.order
  const message =
    continuesInPart(state) && shippedParcels(state).length < state.parcels.length
      ? cancelledInPart(state)
      : 'The order is already with the carrier and cannot be cancelled any more.'
  return [call('reject-cancellation', 'orders.rejectCancellation', { orderId, message })]
}

function cancelledInPart(state: StartedFulfilment): string {
  const sent = shippedParcels(state)
  const rest = state.parcels.filter(parcel => !sent.includes(parcel))
  return (
    `What is with the carrier already cannot be cancelled any more: ${contentsOf(sent)}; ` +
    `the rest is cancelled, and its money goes back: ${contentsOf(rest)}.`
  )
}

const MOST_NAMED = 10

/** Returns text such as "2 x mug-01, 1 x pen-01", with the first ten products and the number of further ones. */
function contentsOf(parcels: readonly Parcel[]): string {
  const units = joinedBySku(parcels.flatMap(({ lines }) => lines))
  const named = units.map(({ sku, quantity }) => `${quantity} x ${sku}`)
  const more = named.length - MOST_NAMED
  return named.slice(0, MOST_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

function settleReturns(state: StartedFulfilment): Effect[] {
  if (isCapturing(state) || shippedParcels(state).length === 0) return []
  return state.returns.flatMap(received => settleReturn(state, received))
}

/** A refused refund is not noted until it is paid: the return stays received, with a debt to settle. */
function settleReturn(state: StartedFulfilment, { returnId, lines }: ReceivedReturn): Effect[] {
  const { orderId, total, goodsTotal } = state.order
  const refund = { minor: state.refunds[returnId] ?? 0, currency: total.currency }
  const effects: Effect[] = [call(`restock:${returnId}`, 'inventory.restock', { orderId, lines })]
  const isRefunded = refund.minor === 0 || hasMoved(state, `refund:${returnId}`)
  const noted = goodsTotal ? { orderId, returnId, refund } : { orderId, returnId }
  if (isRefunded && isFinished(state, `restock:${returnId}`))
    effects.push(call(`note-refunded:${returnId}`, 'orders.noteReturnRefunded', noted))
  return effects
}

/** Notes refunds that belong to no loss and no return, which are noted by their own commands. */
function noteRefunds(state: StartedFulfilment): Effect[] {
  const { orderId, total } = state.order
  return otherRefunds(state).flatMap(([refundId, minor]) => {
    const isPaid = hasMoved(state, `refund:${refundId}`)
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

/** Inventory keeps holds by SKU, so a command on an order's hold names all its SKUs. */
function holdOf(order: FulfilmentOrder): JsonObject {
  return { orderId: order.orderId, skus: joinedBySku(order.lines).map(({ sku }) => sku) }
}

function later(instant: string, ms: number): string {
  return new Date(Date.parse(instant) + ms).toISOString()
}
