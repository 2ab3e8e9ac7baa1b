// Splits an order's allocated stock into parcels, one a warehouse, and its total among them. Pure.
import type { Json, JsonObject } from '#platform/domain/json.ts'
import type { Fulfilment, FulfilmentOrder, Parcel, Quantity } from './fulfilment-state.ts'
import { createStep, inFlight, partsAreCertain } from './fulfilment-state.ts'

type Allocation = Quantity & { readonly warehouse: string }

/** The order's quantities by SKU: two lines of one SKU become one. */
export function quantities(order: FulfilmentOrder): Quantity[] {
  const bySku = new Map<string, number>()
  for (const { sku, quantity } of order.lines) bySku.set(sku, (bySku.get(sku) ?? 0) + quantity)
  return [...bySku].map(([sku, quantity]) => ({ sku, quantity }))
}

/**
 * One parcel a warehouse, in the order in which `reserve-stock` names them. A parcel's share is the value of its
 * lines; when discounts bring the total below that of the lines, each share shrinks in proportion, rounded down.
 */
export function packParcels(order: FulfilmentOrder, result: JsonObject): Parcel[] {
  const priced = priceUnits(order)
  const parcels = new Map<string, { lines: Quantity[]; weightGrams: number; value: number }>()
  for (const { sku, quantity, warehouse } of allocationsIn(result.allocations)) {
    const parcel = parcels.get(warehouse) ?? { lines: [], weightGrams: 0, value: 0 }
    const { value, weightGrams } = priced(sku, quantity)
    parcels.set(warehouse, {
      lines: [...parcel.lines, { sku, quantity }],
      weightGrams: parcel.weightGrams + weightGrams,
      value: parcel.value + value,
    })
  }
  const items = [...parcels.values()].reduce((sum, { value }) => sum + value, 0)
  return [...parcels].map(([warehouse, { value, ...contents }]) => ({
    warehouse,
    ...contents,
    share: shareOf(value, items, order.total.minor),
    fate: 'open',
  }))
}

function shareOf(value: number, items: number, total: number): number {
  // The product of two amounts does not fit a double exactly.
  return items <= total ? value : Number((BigInt(value) * BigInt(total)) / BigInt(items))
}

/** Hands out the order's units line by line, so that lines of one SKU at two prices are each charged once. */
function priceUnits(order: FulfilmentOrder) {
  const left = order.lines.map(line => line.quantity)
  return (sku: string, quantity: number): { value: number; weightGrams: number } => {
    let open = quantity
    let value = 0
    let weightGrams = 0
    for (const [index, line] of order.lines.entries()) {
      const units = line.sku === sku ? Math.min(open, left[index] ?? 0) : 0
      left[index] = (left[index] ?? 0) - units
      open -= units
      value += units * line.unitPrice.minor
      weightGrams += units * line.weightGrams
    }
    return { value, weightGrams }
  }
}

function allocationsIn(json: Json | undefined): Allocation[] {
  if (!Array.isArray(json)) return []
  return json.filter(isAllocation)
}

function isAllocation(json: Json): json is Allocation {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return false
  const { sku, warehouse, quantity } = json as JsonObject
  return typeof sku === 'string' && typeof warehouse === 'string' && typeof quantity === 'number'
}

/**
 * Says what to capture for the parcels that are with the carrier. That waits until it is certain which parcels ship, so
 * that the last outstanding one can take all that remains: the fee, and what rounding left over.
 */
export function bill(state: Fulfilment): Fulfilment {
  if (!partsAreCertain(state) || !state.parcels.some(isUnbilled)) return state
  const rest = remainder(state)
  let outstanding = state.parcels.filter(
    parcel => isUnbilled(parcel) || (parcel.fate === 'open' && state.stop === null),
  ).length
  const parcels = state.parcels.map(parcel => {
    if (!isUnbilled(parcel)) return parcel
    outstanding -= 1
    return { ...parcel, billed: parcel.share + (outstanding === 0 ? rest : 0) }
  })
  return { ...state, parcels }
}

function isUnbilled({ billed, fate }: Parcel): boolean {
  return billed === undefined && (fate === 'dispatched' || fate === 'delivered' || fate === 'lost')
}

function remainder(state: Fulfilment): number {
  const shares = state.parcels.reduce((sum, { share }) => sum + share, 0)
  return (state.order?.total.minor ?? 0) - shares
}

/** `news` of a shipment; of one whose creation is not answered yet it is kept for later. Each parcel's end is final. */
export function hear(
  state: Fulfilment,
  shipmentId: string,
  news: 'dispatched' | 'delivered' | 'lost',
): Fulfilment {
  const parcel = state.parcels.find(one => one.shipmentId === shipmentId)
  if (parcel) return withParcel(state, parcel, moved(parcel, news))
  if (!state.parcels.some(one => inFlight(state, createStep(one)))) return state
  const known = state.early[shipmentId]
  if (known === 'delivered' || known === 'lost') return state
  return { ...state, early: { ...state.early, [shipmentId]: news } }
}

/** The shipment `shipmentId` is created for the parcel; what was heard of it before now counts. */
export function adopt(state: Fulfilment, parcel: Parcel, shipmentId: string): Fulfilment {
  const { [shipmentId]: news, ...early } = state.early
  const created = { ...parcel, shipmentId }
  return withParcel({ ...state, early }, parcel, news ? moved(created, news) : created)
}

export function withParcel(state: Fulfilment, parcel: Parcel, now: Parcel): Fulfilment {
  if (parcel === now) return state
  return { ...state, parcels: state.parcels.map(one => (one === parcel ? now : one)) }
}

/** A delivery or a loss tells of the dispatch too; after a cancellation nothing is believed. */
function moved(parcel: Parcel, news: 'dispatched' | 'delivered' | 'lost'): Parcel {
  const isOpen = parcel.fate === 'open' || (parcel.fate === 'dispatched' && news !== 'dispatched')
  return isOpen ? { ...parcel, fate: news } : parcel
}
