// Defines the read models of inventory: which events change which documents.
import type { Change, View } from '#platform/read-models/projection.ts'
import { foldText } from '#platform/read-models/search-terms.ts'
import { projectEvents } from '#platform/subgraph/project-events.ts'
import { stockAggregate } from '#subgraphs/inventory/domain/aggregate.ts'
import { compare } from '#subgraphs/inventory/domain/allocation.ts'
import type { Units } from '#subgraphs/inventory/domain/holds.ts'
import type { ProductFacts, StockEvent } from '#subgraphs/inventory/domain/stock.ts'

const categories = [stockAggregate.category]

// products: one document per SKU.

export type WarehouseUnits = { readonly warehouse: string; readonly onHand: number; readonly held: number }
/** `stock` is sorted by warehouse; `available`, `inStock` and `low` follow from it; `sortTitle` is the title folded as searches fold it. */
export type ProductDoc = ProductFacts & {
  readonly sku: string
  readonly sortTitle: string
  readonly stock: readonly WarehouseUnits[]
  readonly available: number
  readonly inStock: boolean
  readonly low: boolean
}

export const productsView: View<ProductDoc> = {
  collection: {
    name: 'products',
    version: 3,
    indexes: [
      ['sortTitle'],
      ['category', 'sortTitle'],
      ['inStock', 'sortTitle'],
      ['category', 'inStock', 'sortTitle'],
      ['low', 'sortTitle'],
    ],
    terms: ({ sku, title, category }) => [title, sku, ...(category === null ? [] : [category])],
  },
  categories,
  project: projectEvents(stockAggregate, event => {
    if (event.type === 'LowStockReached') return []
    return [{ id: event.data.sku, update: doc => productAfter(doc, event) }]
  }),
}

function productAfter(doc: ProductDoc | undefined, event: StockEvent): ProductDoc | undefined {
  if (event.type === 'ProductAdded') return added(event.data)
  if (!doc) return undefined
  if (event.type === 'PriceChanged') return { ...doc, price: event.data.price }
  if (event.type === 'LowStockThresholdSet')
    return withStock({ ...doc, lowStockThreshold: event.data.threshold }, doc.stock)
  const changes = moves(event)
  return changes.length > 0 ? withStock(doc, changes.reduce(moved, doc.stock)) : doc
}

/** What later events change comes first: of a changed document, PostgreSQL logs nothing of the end that stays the same. */
function added(data: ProductFacts & { sku: string }): ProductDoc {
  return { available: 0, inStock: false, low: true, stock: [], sortTitle: foldText(data.title), ...data }
}

function withStock(doc: ProductDoc, stock: readonly WarehouseUnits[]): ProductDoc {
  const available = stock.reduce((sum, { onHand, held }) => sum + onHand - held, 0)
  return { ...doc, stock, available, inStock: available > 0, low: available <= doc.lowStockThreshold }
}

/** Returns the changes of the units of a SKU, by warehouse. */
function moves(event: StockEvent): WarehouseUnits[] {
  switch (event.type) {
    case 'StockReceived':
    case 'StockCorrected':
    case 'StockRestocked':
      return [{ warehouse: event.data.warehouse, onHand: event.data.quantity, held: 0 }]
    case 'StockReserved':
      return event.data.allocations.map(({ warehouse, quantity: held }) => ({ warehouse, onHand: 0, held }))
    case 'ReservationReleased':
    case 'ReservationExpired':
      return event.data.allocations.map(({ warehouse, quantity }) => ({
        warehouse,
        onHand: 0,
        held: -quantity,
      }))
    case 'StockShipped':
      return [{ warehouse: event.data.warehouse, onHand: -event.data.quantity, held: -event.data.quantity }]
    case 'ProductAdded':
    case 'PriceChanged':
    case 'LowStockThresholdSet':
    case 'ReservationCommitted':
    case 'LowStockReached':
      return []
  }
}

function moved(stock: readonly WarehouseUnits[], move: WarehouseUnits): readonly WarehouseUnits[] {
  const { warehouse } = move
  const before = stock.find(units => units.warehouse === warehouse) ?? { onHand: 0, held: 0 }
  const after = { warehouse, onHand: before.onHand + move.onHand, held: before.held + move.held }
  const others = stock.filter(units => units.warehouse !== warehouse)
  return [...others, after].sort((a, b) => compare(a.warehouse, b.warehouse))
}

// reservations: one document per order.

export type ReservationStatus = 'HELD' | 'COMMITTED' | 'SHIPPED' | 'RELEASED' | 'EXPIRED'
export type ReservedUnits = Units & {
  readonly sku: string
  readonly shipped: number
  readonly status: ReservationStatus
}
/**
 * `status` is that of the units which still wait for something, if any do. `heldUntil` is there while it is HELD. The
 * allocations are sorted by SKU, then warehouse.
 */
export type ReservationDoc = {
  readonly orderId: string
  readonly customerId: string
  readonly status: ReservationStatus
  readonly heldUntil?: string
  readonly expiresAt: string
  readonly allocations: readonly ReservedUnits[]
}

export const reservationsView: View<ReservationDoc> = {
  collection: { name: 'reservations', version: 2, indexes: [], sparse: ['heldUntil'] },
  categories,
  project: projectEvents(stockAggregate, event => {
    switch (event.type) {
      case 'StockReserved':
        return [{ id: event.data.orderId, update: doc => reserved(doc, event.data) }]
      case 'ReservationCommitted':
        return changed(event.data, units =>
          units.status === 'HELD' ? { ...units, status: 'COMMITTED' } : units,
        )
      case 'ReservationReleased':
        return changed(event.data, units => endedAs(units, 'RELEASED'))
      case 'ReservationExpired':
        return changed(event.data, units => endedAs(units, 'EXPIRED'))
      case 'StockShipped':
        return changed(event.data, units =>
          units.warehouse === event.data.warehouse ? shippedMore(units, event.data.quantity) : units,
        )
      case 'ProductAdded':
      case 'PriceChanged':
      case 'LowStockThresholdSet':
      case 'StockReceived':
      case 'StockCorrected':
      case 'StockRestocked':
      case 'LowStockReached':
        return []
    }
  }),
}

function reserved(
  doc: ReservationDoc | undefined,
  data: Extract<StockEvent, { type: 'StockReserved' }>['data'],
): ReservationDoc {
  const { sku, orderId, customerId, expiresAt } = data
  const others = (doc?.allocations ?? []).filter(units => units.sku !== sku)
  const held = data.allocations.map((units): ReservedUnits => ({ status: 'HELD', shipped: 0, sku, ...units }))
  const allocations = [...others, ...held].sort(
    (a, b) => compare(a.sku, b.sku) || compare(a.warehouse, b.warehouse),
  )
  return withAllocations({ orderId, customerId, expiresAt }, allocations)
}

function changed(
  { sku, orderId }: { sku: string; orderId: string },
  change: (units: ReservedUnits) => ReservedUnits,
): Change<ReservationDoc>[] {
  const update = (doc: ReservationDoc | undefined) => {
    if (!doc) return undefined
    const allocations = doc.allocations.map(units => (units.sku === sku ? change(units) : units))
    return withAllocations(doc, allocations)
  }
  return [{ id: orderId, update }]
}

/** What changes comes first: of a changed document, PostgreSQL logs nothing of the end that stays the same. */
function withAllocations(
  { orderId, customerId, expiresAt }: Pick<ReservationDoc, 'orderId' | 'customerId' | 'expiresAt'>,
  allocations: readonly ReservedUnits[],
): ReservationDoc {
  const status = statusOf(allocations)
  const held = status === 'HELD' && { heldUntil: expiresAt }
  return { status, ...held, allocations, orderId, customerId, expiresAt }
}

function endedAs(units: ReservedUnits, status: 'RELEASED' | 'EXPIRED'): ReservedUnits {
  return units.status === 'HELD' || units.status === 'COMMITTED' ? { ...units, status } : units
}

function shippedMore(units: ReservedUnits, quantity: number): ReservedUnits {
  const shipped = units.shipped + quantity
  return { ...units, shipped, status: shipped >= units.quantity ? 'SHIPPED' : units.status }
}

const PRECEDENCE: readonly ReservationStatus[] = ['HELD', 'COMMITTED', 'SHIPPED', 'RELEASED', 'EXPIRED']

function statusOf(allocations: readonly ReservedUnits[]): ReservationStatus {
  return PRECEDENCE.find(status => allocations.some(units => units.status === status)) ?? 'RELEASED'
}

// inventory_totals: one document of sums.

export const TOTALS_ID = 'all'
/** `onHand = received - shipped + restocked` and `held = reserved - released - shipped`; expired units count as released. */
export type TotalsDoc = {
  readonly products: number
  readonly received: number
  readonly onHand: number
  readonly held: number
  readonly reserved: number
  readonly released: number
  readonly shipped: number
  readonly restocked: number
}
export const noTotals: TotalsDoc = {
  products: 0,
  received: 0,
  onHand: 0,
  held: 0,
  reserved: 0,
  released: 0,
  shipped: 0,
  restocked: 0,
}

export const totalsView: View<TotalsDoc> = {
  collection: { name: 'inventory_totals', version: 1, indexes: [] },
  categories,
  project: projectEvents(stockAggregate, event => {
    const sums = counted(event)
    return sums ? [{ id: TOTALS_ID, update: doc => plus(doc ?? noTotals, sums) }] : []
  }),
}

function counted(event: StockEvent): Partial<TotalsDoc> | undefined {
  switch (event.type) {
    case 'ProductAdded':
      return { products: 1 }
    case 'StockReceived':
    case 'StockCorrected':
      return { received: event.data.quantity, onHand: event.data.quantity }
    case 'StockReserved':
      return { reserved: units(event.data.allocations), held: units(event.data.allocations) }
    case 'ReservationReleased':
    case 'ReservationExpired':
      return { released: units(event.data.allocations), held: -units(event.data.allocations) }
    case 'StockShipped':
      return { shipped: event.data.quantity, onHand: -event.data.quantity, held: -event.data.quantity }
    case 'StockRestocked':
      return { restocked: event.data.quantity, onHand: event.data.quantity }
    case 'PriceChanged':
    case 'LowStockThresholdSet':
    case 'ReservationCommitted':
    case 'LowStockReached':
      return undefined
  }
}

function units(allocations: readonly Units[]): number {
  return allocations.reduce((sum, { quantity }) => sum + quantity, 0)
}

function plus(totals: TotalsDoc, sums: Partial<TotalsDoc>): TotalsDoc {
  const entries = Object.entries(sums).map(([name, sum]) => [name, totals[name as keyof TotalsDoc] + sum])
  return { ...totals, ...Object.fromEntries(entries) }
}

// categories and warehouses: one small document for each that a product or its stock has named.

export type NamedDoc = { readonly name: string }

export const categoriesView: View<NamedDoc> = {
  collection: { name: 'categories', version: 1, indexes: [] },
  categories,
  project: projectEvents(stockAggregate, event => {
    const name = event.type === 'ProductAdded' ? event.data.category : null
    return name === null ? [] : [{ id: name, update: () => ({ name }) }]
  }),
}

export const warehousesView: View<NamedDoc> = {
  collection: { name: 'warehouses', version: 1, indexes: [] },
  categories,
  project: projectEvents(stockAggregate, event => {
    if (event.type !== 'StockReceived' && event.type !== 'StockRestocked') return []
    const name = event.data.warehouse
    return [{ id: name, update: () => ({ name }) }]
  }),
}
