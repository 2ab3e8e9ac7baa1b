// Splits an order's allocated stock into one parcel per warehouse, and bills each its part of the total.
import { isObject, type Json, type JsonObject } from '#platform/domain/json.ts'
import { apportion } from '#platform/domain/money.ts'
import type { SkuQuantity, UnitRange } from '#subgraphs/orders/domain/events.ts'
import { packUnits, valuer } from '#subgraphs/orders/domain/money-back.ts'
import type { CarrierStatus, Fulfilment, FulfilmentOrder, Parcel } from './state.ts'
import { areShipmentsDecided, createStep, isInFlight, isWithCarrier } from './state.ts'

type Allocation = SkuQuantity & { readonly warehouse: string }

/** Returns one parcel per warehouse, in the order of the warehouses in the result of `reserve-stock`. */
export function packParcels(order: FulfilmentOrder, result: JsonObject): Parcel[] {
  const contents = [...Map.groupBy(allocationsIn(result.allocations), ({ warehouse }) => warehouse)]
  const packed = packUnits(
    order.lines,
    contents.map(([, allocations]) => allocations),
  )
  const shares = sharesOf(order, packed)
  return contents.map(([warehouse, allocations], index) => {
    const units = packed[index] ?? []
    return {
      warehouse,
      lines: allocations.map(({ sku, quantity }) => ({ sku, quantity })),
      units,
      weightGrams: sum(units.map(({ lineNo, from, to }) => (to - from) * weightOf(order, lineNo))),
      share: shares[index] ?? 0,
      fate: 'open',
    }
  })
}

function weightOf({ lines }: FulfilmentOrder, lineNo: number): number {
  return lines[lineNo - 1]?.weightGrams ?? 0
}

/** Returns the value of the goods in each parcel, in minor units. */
function sharesOf(order: FulfilmentOrder, packed: readonly (readonly UnitRange[])[]): number[] {
  if (!order.goodsTotal) return olderSharesOf(order, packed)
  const worthOf = valuer({ lines: order.lines, goods: order.goodsTotal.minor })
  return packed.map(units => sum(units.map(worthOf)))
}

/**
 * Histories without `goodsTotal` use the price of the goods, lowered in proportion and rounded down when the
 * order's total, fee included, is less than all goods.
 */
function olderSharesOf(order: FulfilmentOrder, packed: readonly (readonly UnitRange[])[]): number[] {
  const price = (lineNo: number) => order.lines[lineNo - 1]?.unitPrice.minor ?? 0
  const values = packed.map(units => sum(units.map(({ lineNo, from, to }) => (to - from) * price(lineNo))))
  const [items, total] = [sum(values), order.total.minor]
  // The product of two amounts does not fit a double exactly.
  return values.map(value =>
    items <= total ? value : Number((BigInt(value) * BigInt(total)) / BigInt(items)),
  )
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function allocationsIn(json: Json | undefined): Allocation[] {
  if (!Array.isArray(json)) return []
  return json.filter(isAllocation)
}

function isAllocation(json: Json): json is Allocation {
  if (!isObject(json)) return false
  const { sku, warehouse, quantity } = json
  return typeof sku === 'string' && typeof warehouse === 'string' && typeof quantity === 'number'
}

/**
 * Sets what to capture for each parcel: the value of its goods, and its part of the charges, which are spread by weight
 * over the parcels that ship. That waits until it is certain which those are: once all labels are there, or the parcels
 * that will not ship are known.
 */
export function bill(state: Fulfilment): Fulfilment {
  const isUnbilled = unbilledIn(state)
  if (!areShipmentsDecided(state) || !state.parcels.some(isUnbilled)) return state
  const charges = state.order?.goodsTotal ? chargesOf(state) : olderChargesOf(state)
  const parcels = state.parcels.map((parcel, index) => {
    if (!isUnbilled(parcel)) return parcel
    const part = charges[index] ?? 0
    return { ...parcel, charges: part, billed: parcel.share + part }
  })
  return { ...state, parcels }
}

/** The charges of each parcel; 0 for those that do not ship. */
function chargesOf(state: Fulfilment): number[] {
  const { total, goodsTotal } = state.order ?? {}
  const charges = (total?.minor ?? 0) - (goodsTotal?.minor ?? 0)
  const ships = state.parcels.filter(parcel => isWithCarrier(parcel) || isToShip(state, parcel))
  const parts = apportion(
    charges,
    ships.map(({ weightGrams }) => weightGrams),
  )
  return state.parcels.map(parcel => parts[ships.indexOf(parcel)] ?? 0)
}

/** Histories without `goodsTotal` charge the last outstanding parcel with all that remains, rounding included. */
function olderChargesOf(state: Fulfilment): number[] {
  const rest = (state.order?.total.minor ?? 0) - sum(state.parcels.map(({ share }) => share))
  const isLast = !state.parcels.some(parcel => isToShip(state, parcel))
  const last = isLast ? state.parcels.findLast(unbilledIn(state)) : undefined
  return state.parcels.map(parcel => (parcel === last ? rest : 0))
}

function isToShip(state: Fulfilment, { fate }: Parcel): boolean {
  return fate === 'open' && state.stop === null
}

function unbilledIn(state: Fulfilment): (parcel: Parcel) => boolean {
  const atLabel = state.captureAt === 'label'
  return parcel => {
    if (parcel.billed !== undefined) return false
    return isWithCarrier(parcel) || (atLabel && isToShip(state, parcel) && parcel.shipmentId !== undefined)
  }
}

/** Records the status of a shipment. It is stored in `early` while the shipment's creation has no response yet. */
export function recordShipmentStatus(state: Fulfilment, shipmentId: string, news: CarrierStatus): Fulfilment {
  const parcel = state.parcels.find(one => one.shipmentId === shipmentId)
  if (parcel) return withParcel(state, parcel, withFate(parcel, news))
  if (!state.parcels.some(one => isInFlight(state, createStep(one)))) return state
  const known = state.early[shipmentId]
  if (known === 'delivered' || known === 'lost') return state
  return { ...state, early: { ...state.early, [shipmentId]: news } }
}

/** Assigns the created shipment to the parcel, and applies a status of it that arrived earlier. */
export function assignShipment(state: Fulfilment, parcel: Parcel, shipmentId: string): Fulfilment {
  const { [shipmentId]: news, ...early } = state.early
  const created = { ...parcel, shipmentId }
  return withParcel({ ...state, early }, parcel, news ? withFate(created, news) : created)
}

export function withParcel(state: Fulfilment, parcel: Parcel, now: Parcel): Fulfilment {
  if (parcel === now) return state
  return { ...state, parcels: state.parcels.map(one => (one === parcel ? now : one)) }
}

/** A delivery or a loss implies the dispatch. A final or cancelled parcel ignores further statuses. */
function withFate(parcel: Parcel, news: CarrierStatus): Parcel {
  const isOpen = parcel.fate === 'open' || (parcel.fate === 'dispatched' && news !== 'dispatched')
  return isOpen ? { ...parcel, fate: news } : parcel
}
