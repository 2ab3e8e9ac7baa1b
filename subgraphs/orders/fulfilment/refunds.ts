// Calculates the refund of each lost shipment, cancelled shipment and return of a fulfilment.
//
// A refund is what the customer gets back in all by now, less the refunds before it: those carried out, those under way
// and those that the provider refused, which operators settle. So it is set once, never negative, and all refunds
// together add up to the same amount whatever order the events arrive in.
import { moneyBack } from '../domain/money-back.ts'
import type { Fulfilment } from './state.ts'
import { capturedAmount, isCaptureFinished, isCapturing, shippedParcels } from './state.ts'

/**
 * Sets the refund of everything that gives money back, whose payment is certain, and which has none yet. Money that is
 * taken for a parcel after some of its units came back is owed at once: it is refunded by itself.
 */
export function refund(state: Fulfilment): Fulfilment {
  const settled = [...parcelsDue(state), ...returnsDue(state)]
    .filter(id => state.refunds[id] === undefined)
    .reduce(setRefund, state)
  const hasRefunds = Object.keys(settled.refunds).length > 0
  if (!state.order?.goodsTotal || !hasRefunds || isCapturing(state)) return settled
  const late = lateRefund(settled)
  return refundFor(settled, late) > 0 ? setRefund(settled, late) : settled
}

/** The id of the next refund of money that was taken late. */
function lateRefund({ refunds }: Fulfilment): string {
  const count = Object.keys(refunds).filter(id => id.startsWith(LATE)).length
  return `${LATE}${count + 1}`
}

const LATE = 'late-payment-'

/** The refunds that are of no loss and no return, by id, in minor units: of parcels called back, and of late payments. */
export function otherRefunds({ refunds, parcels }: Fulfilment): [string, number][] {
  const calledBack = parcels.filter(({ fate }) => fate === 'cancelled').map(({ shipmentId }) => shipmentId)
  return Object.entries(refunds).filter(
    ([id, minor]) => minor > 0 && (id.startsWith(LATE) || calledBack.includes(id)),
  )
}

/** A parcel that is lost, or was called back, after its money was taken. */
function parcelsDue(state: Fulfilment): string[] {
  return state.parcels.flatMap(parcel => {
    const { fate, shipmentId, billed } = parcel
    const isBack = (fate === 'lost' || fate === 'cancelled') && billed !== undefined
    return isBack && shipmentId !== undefined && isCaptureFinished(state, parcel) ? [shipmentId] : []
  })
}

/** A returned unit may come from any parcel, so this waits until all captures are finished. */
function returnsDue(state: Fulfilment): string[] {
  if (isCapturing(state) || shippedParcels(state).length === 0) return []
  return state.returns.map(({ returnId }) => returnId)
}

function setRefund(state: Fulfilment, id: string): Fulfilment {
  const amount = state.order?.goodsTotal ? refundFor(state, id) : olderRefundFor(state, id)
  return { ...state, refunds: { ...state.refunds, [id]: amount } }
}

function refundFor(state: Fulfilment, id: string): number {
  const before = Object.values(state.refunds).reduce((sum, minor) => sum + minor, 0)
  return Math.max(refundTotal(state, new Set([...Object.keys(state.refunds), id])) - before, 0)
}

/** Returns what the customer gets back for the shipments and returns in `ids`, in minor units. */
function refundTotal(state: Fulfilment, ids: ReadonlySet<string>): number {
  const calledBack = state.parcels.filter(
    ({ fate, shipmentId = '' }) => fate === 'cancelled' && ids.has(shipmentId),
  )
  return calledBack.reduce(
    (sum, parcel) => sum + capturedAmount(state, parcel),
    refundTotalOfShipped(state, ids),
  )
}

function refundTotalOfShipped(state: Fulfilment, ids: ReadonlySet<string>): number {
  const { lines = [], goodsTotal } = state.order ?? {}
  const parcels = shippedParcels(state).map(parcel => ({
    id: parcel.shipmentId ?? '',
    units: parcel.units,
    charges: parcel.charges ?? 0,
    unpaid: (parcel.billed ?? 0) - capturedAmount(state, parcel),
  }))
  const returned = state.returns.filter(({ returnId }) => ids.has(returnId)).flatMap(entry => entry.lines)
  return moneyBack({ lines, goods: goodsTotal?.minor ?? 0, parcels }, { lost: ids, returned })
}

/** Histories without `goodsTotal` refund the captured amount of a lost parcel, and the amount that the order stored for a return. */
function olderRefundFor(state: Fulfilment, id: string): number {
  const parcel = state.parcels.find(({ shipmentId }) => shipmentId === id)
  if (parcel) return capturedAmount(state, parcel)
  const received = state.returns.find(({ returnId }) => returnId === id)
  return Math.max(received?.refund.minor ?? 0, 0)
}
