// Computes a product's document and its content from the document before and an event.
import { hash } from 'node:crypto'
import { type Money, toDecimal } from '#platform/domain/money.ts'
import { foldText } from '#platform/read-models/search-terms.ts'
import { compare } from '#subgraphs/inventory/domain/allocation.ts'
import { foldName } from '#subgraphs/inventory/domain/family.ts'
import type { ProductDescribed, ProductFacts, ProductImage } from '#subgraphs/inventory/domain/product.ts'
import type { StockEvent } from '#subgraphs/inventory/domain/stock.ts'

export type WarehouseUnits = { readonly warehouse: string; readonly onHand: number; readonly held: number }
/** The facts that lists and most pages need. The others change seldom and may be long, so that they are kept apart. */
export type ListedFacts = Omit<ProductFacts, 'description' | 'images'>
/**
 * `stock` is sorted by warehouse; `available`, `inStock` and `low` follow from it; `sortTitle` is the title folded as
 * searches fold it.
 */
export type ProductDoc = ListedFacts & {
  readonly sku: string
  readonly addedAt: string
  readonly sortTitle: string
  readonly sortPrice: number
  /** True when it stands for its family in lists that nothing narrows, as the first of it or the only one. */
  readonly leads: boolean
  /** The folded value of each option, by the option's key. */
  readonly optionValues?: Readonly<Record<string, string>>
  readonly stock: readonly WarehouseUnits[]
  readonly available: number
  readonly inStock: boolean
  readonly low: boolean
}

/** The part of a product that a shop shows beside its title. */
export type ContentDoc = { readonly description: string | null; readonly images: readonly ProductImage[] }

export const NO_CONTENT: ContentDoc = { description: null, images: [] }

export function productAfter(
  doc: ProductDoc | undefined,
  event: StockEvent,
  recordedAt: string,
): ProductDoc | undefined {
  if (event.type === 'ProductAdded') return added({ addedAt: recordedAt, ...event.data })
  if (!doc) return undefined
  if (event.type === 'ProductDescribed') return describedIn(doc, event.data)
  if (event.type === 'PriceChanged') {
    const { price } = event.data
    return { ...doc, price, sortPrice: majorUnits(price) }
  }
  if (event.type === 'LowStockThresholdSet')
    return withStock({ ...doc, lowStockThreshold: event.data.threshold }, doc.stock)
  const changes = moves(event)
  return changes.length > 0 ? withStock(doc, changes.reduce(moved, doc.stock)) : doc
}

/**
 * Fields that later events change come first: of a changed document, PostgreSQL logs nothing of the end that stays the same.
 */
function added(data: ProductFacts & { sku: string; addedAt: string }): ProductDoc {
  const { description: _, images: _images, ...listed } = data
  const { title, price, familyPlace = 0 } = listed
  const sorts = { sortTitle: foldText(title), sortPrice: majorUnits(price), leads: familyPlace === 0 }
  return { available: 0, inStock: false, low: true, stock: [], ...sorts, ...listed, ...keyedOptions(listed) }
}

function describedIn(doc: ProductDoc, event: ProductDescribed): ProductDoc {
  const { description: _, images: _images, previousCategory: _category, ...listed } = event
  const { title, familyPlace } = listed
  if (Object.keys(listed).every(name => name === 'sku')) return doc
  return {
    ...doc,
    ...listed,
    ...(title !== undefined && { sortTitle: foldText(title) }),
    ...(familyPlace !== undefined && { leads: familyPlace === 0 }),
    ...keyedOptions(listed),
  }
}

function keyedOptions({ options }: Pick<ProductFacts, 'options'>): Pick<ProductDoc, 'optionValues'> {
  if (options === undefined) return {}
  return {
    optionValues: Object.fromEntries(options.map(({ name, value }) => [optionKey(name), foldName(value)])),
  }
}

/** Returns a word for an option's name by which its products are found, whatever its letters. */
export function optionKey(name: string): string {
  return `o${hash('sha256', foldName(name), 'hex').slice(0, 20)}`
}

/** Returns the words by which a search finds the product. */
export function searchTerms({ sku, title, category, options = [] }: ProductDoc): string[] {
  const ofOptions = options.flatMap(({ name, value }) => [value, optionKey(name)])
  return [title, sku, ...(category === null ? [] : [category]), ...ofOptions]
}

/** Prices are sorted by their amounts as people read them, whatever the currency. */
export function majorUnits(price: Money): number {
  return Number(toDecimal(price))
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
    case 'ProductDescribed':
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

export function availabilityOf({
  available,
  lowStockThreshold,
}: Pick<ProductDoc, 'available' | 'lowStockThreshold'>): 'IN_STOCK' | 'LOW_STOCK' | 'OUT_OF_STOCK' {
  if (available <= 0) return 'OUT_OF_STOCK'
  return available <= lowStockThreshold ? 'LOW_STOCK' : 'IN_STOCK'
}
