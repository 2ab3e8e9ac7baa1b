// Defines the read models of inventory: which events change which documents.
import type { Change, View } from '#platform/read-models/projection.ts'
import { projectEvents } from '#platform/subgraph/project-events.ts'
import { stockAggregate } from '#subgraphs/inventory/domain/aggregate.ts'
import { compare } from '#subgraphs/inventory/domain/allocation.ts'
import type { Units } from '#subgraphs/inventory/domain/holds.ts'
import type { StockEvent } from '#subgraphs/inventory/domain/stock.ts'
import {
  type ContentDoc,
  NO_CONTENT,
  type ProductDoc,
  productAfter,
  searchTerms,
} from '#subgraphs/inventory/queries/product-documents.ts'

const categories = [stockAggregate.category]

// products: one document per SKU.

export const productsView: View<ProductDoc> = {
  collection: {
    name: 'products',
    version: 4,
    indexes: [
      ['sortTitle'],
      ['sortPrice'],
      ['addedAt'],
      ['leads', 'sortTitle'],
      ['category', 'sortTitle'],
      ['category', 'sortPrice'],
      ['category', 'addedAt'],
      ['inStock', 'sortTitle'],
      ['category', 'inStock', 'sortTitle'],
      ['low', 'sortTitle'],
    ],
    sparse: ['family'],
    terms: searchTerms,
  },
  categories,
  project: projectEvents(stockAggregate, (event, { recordedAt }) => {
    if (event.type === 'LowStockReached') return []
    return [{ id: event.data.sku, update: doc => productAfter(doc, event, recordedAt) }]
  }),
}

// product_contents: one document per SKU that has a description or an image.

export const contentsView: View<ContentDoc> = {
  collection: { name: 'product_contents', version: 1, indexes: [] },
  categories,
  project: projectEvents(stockAggregate, event => {
    if (event.type !== 'ProductAdded' && event.type !== 'ProductDescribed') return []
    const { sku, description, images } = event.data
    if (description === undefined && images === undefined) return []
    const changes = { ...(description !== undefined && { description }), ...(images && { images }) }
    return [{ id: sku, update: doc => ({ ...(doc ?? NO_CONTENT), ...changes }) }]
  }),
}

// product_families: one document per family.

/** The SKUs of a family's products, in the order in which they joined. */
export type FamilyDoc = { readonly members: readonly string[] }

export const familiesView: View<FamilyDoc> = {
  collection: { name: 'product_families', version: 1, indexes: [] },
  categories,
  project: projectEvents(stockAggregate, event => {
    if (event.type !== 'ProductAdded' && event.type !== 'ProductDescribed') return []
    const { sku, family } = event.data
    if (family === undefined) return []
    return [{ id: family, update: doc => ({ members: [...(doc?.members ?? []), sku] }) }]
  }),
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
      case 'ProductDescribed':
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
    case 'ProductDescribed':
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

// categories: one small document for each, with how many products are in it.

export type CategoryDoc = { readonly name: string; readonly products: number }

export const categoriesView: View<CategoryDoc> = {
  collection: { name: 'categories', version: 2, indexes: [] },
  categories,
  project: projectEvents(stockAggregate, event => {
    if (event.type === 'ProductAdded') return inCategory(event.data.category, 1)
    if (event.type !== 'ProductDescribed' || event.data.category === undefined) return []
    const { category, previousCategory = null } = event.data
    return [...inCategory(previousCategory, -1), ...inCategory(category, 1)]
  }),
}

/** A category that the last product has left is no longer there. */
function inCategory(name: string | null, by: 1 | -1): Change<CategoryDoc>[] {
  if (name === null) return []
  const update = (doc: CategoryDoc | undefined) => {
    const products = (doc?.products ?? 0) + by
    return products > 0 ? { products, name } : undefined
  }
  return [{ id: name, update }]
}

// warehouses: one small document for each that has ever received goods.

export type WarehouseDoc = { readonly name: string }

export const warehousesView: View<WarehouseDoc> = {
  collection: { name: 'warehouses', version: 1, indexes: [] },
  categories,
  project: projectEvents(stockAggregate, event => {
    if (event.type !== 'StockReceived' && event.type !== 'StockRestocked') return []
    const name = event.data.warehouse
    return [{ id: name, update: () => ({ name }) }]
  }),
}
