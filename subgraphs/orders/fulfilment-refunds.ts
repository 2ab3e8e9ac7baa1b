// Says how much money goes back for each lost shipment and each return of a fulfilment. Pure.
//
// A refund is what the customer gets back in all by now, less the refunds before it: those carried out, those under way
// and those that the provider refused, which people look into. So it is set once, never negative, and all refunds
// together come to the same whatever order the news came in.
import { moneyBack } from './domain/money-back.ts'
import type { Fulfilment } from './fulfilment-state.ts'
import { inFlight, isPaid, shipped } from './fulfilment-state.ts'

/** Sets the refund of every loss and return whose payment is certain, and which has none yet. */
export function refund(state: Fulfilment): Fulfilment {
  return [...lossesDue(state), ...returnsDue(state)].reduce(setRefund, state)
}

/** A parcel whose money was not taken, or is not yet, is owed none. */
function lossesDue(state: Fulfilment): string[] {
  return state.parcels.flatMap(parcel => {
    const { fate, shipmentId } = parcel
    const isDue = fate === 'lost' && shipmentId !== undefined && state.refunds[shipmentId] === undefined
    return isDue && isPaid(state, parcel) ? [shipmentId] : []
  })
}

/** Returned units may be of any parcel, so all captures are waited for. */
function returnsDue(state: Fulfilment): string[] {
  const isTakingMoney = state.parcels.some(({ shipmentId }) => inFlight(state, `capture:${shipmentId}`))
  if (isTakingMoney || shipped(state).length === 0) return []
  return state.returns.map(({ returnId }) => returnId).filter(id => state.refunds[id] === undefined)
}

function setRefund(state: Fulfilment, id: string): Fulfilment {
  const amount = state.order?.goodsTotal ? refundFor(state, id) : olderRefundFor(state, id)
  return { ...state, refunds: { ...state.refunds, [id]: amount } }
}

function refundFor(state: Fulfilment, id: string): number {
  const before = Object.values(state.refunds).reduce((sum, minor) => sum + minor, 0)
  return Math.max(owed(state, new Set([...Object.keys(state.refunds), id])) - before, 0)
}

/** What the customer gets back for the shipments and returns in `ids`, in minor units. */
function owed(state: Fulfilment, ids: ReadonlySet<string>): number {
  const { lines = [], goodsTotal } = state.order ?? {}
  const parcels = shipped(state).map(parcel => ({
    id: parcel.shipmentId ?? '',
    units: parcel.units,
    charges: parcel.charges ?? 0,
    isPaid: isPaid(state, parcel),
  }))
  const returned = state.returns.filter(({ returnId }) => ids.has(returnId)).flatMap(entry => entry.lines)
  return moneyBack({ lines, goods: goodsTotal?.minor ?? 0, parcels }, { lost: ids, returned })
}

/** The rule of histories without `goodsTotal`: what was captured for a lost parcel, and what the order said of a return. */
function olderRefundFor(state: Fulfilment, id: string): number {
  const parcel = state.parcels.find(({ shipmentId }) => shipmentId === id)
  if (parcel) return parcel.billed ?? 0
  const received = state.returns.find(({ returnId }) => returnId === id)
  return Math.max(received?.refund.minor ?? 0, 0)
}
