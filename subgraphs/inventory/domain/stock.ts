// Defines the stock of one SKU: its events, its state (product facts, units by warehouse, holds) and its decisions.
import { accept, type Decision, refuse } from '#platform/domain/decision.ts'
import type { Money } from '#platform/domain/money.ts'
import {
  addLapse,
  dropHold,
  dropLapse,
  dueHolds,
  findHold,
  type Hold,
  type Holds,
  type Lapses,
  noHolds,
  noLapses,
  putHold,
  type Units,
  unshipped,
} from '#subgraphs/inventory/domain/holds.ts'
import {
  describedAs,
  type FamilyPlace,
  type ProductDescribed,
  type ProductFacts,
  type ProductNotFound,
  productNotFound,
} from '#subgraphs/inventory/domain/product.ts'

type HoldReference = { readonly sku: string; readonly orderId: string; readonly customerId: string }

/** `StockReceived` and `StockCorrected` differ in meaning only; a correction may be negative. `LowStockReached` is a signal. */
export type StockEvent =
  | { readonly type: 'ProductAdded'; readonly data: ProductFacts & { readonly sku: string } }
  | { readonly type: 'ProductDescribed'; readonly data: ProductDescribed }
  | { readonly type: 'PriceChanged'; readonly data: { readonly sku: string; readonly price: Money } }
  | {
      readonly type: 'LowStockThresholdSet'
      readonly data: { readonly sku: string; readonly threshold: number }
    }
  | {
      readonly type: 'StockReceived' | 'StockCorrected'
      readonly data: Units & { readonly sku: string; readonly reason: string }
    }
  | {
      readonly type: 'StockReserved'
      readonly data: HoldReference & { readonly allocations: readonly Units[]; readonly expiresAt: string }
    }
  | { readonly type: 'ReservationCommitted'; readonly data: HoldReference }
  /** `allocations` are the units given back: what was held and not shipped. */
  | {
      readonly type: 'ReservationReleased' | 'ReservationExpired'
      readonly data: HoldReference & { readonly allocations: readonly Units[] }
    }
  | { readonly type: 'StockShipped'; readonly data: HoldReference & Units }
  | {
      readonly type: 'StockRestocked'
      readonly data: Units & { readonly sku: string; readonly orderId: string }
    }
  | {
      readonly type: 'LowStockReached'
      readonly data: { readonly sku: string; readonly available: number; readonly threshold: number }
    }

/** Each event type once; the mapping makes the type check find a missing one. */
const TYPES: Readonly<Record<StockEvent['type'], true>> = {
  ProductAdded: true,
  ProductDescribed: true,
  PriceChanged: true,
  LowStockThresholdSet: true,
  StockReceived: true,
  StockCorrected: true,
  StockReserved: true,
  ReservationCommitted: true,
  ReservationReleased: true,
  ReservationExpired: true,
  StockShipped: true,
  StockRestocked: true,
  LowStockReached: true,
}
export const STOCK_EVENT_TYPES = Object.keys(TYPES) as readonly StockEvent['type'][]

type ByWarehouse = Readonly<Record<string, number>>

/**
 * `held` is the sum of the holds by warehouse; never more than `onHand`. A hold is `pending` until it is committed, then
 * `firm`; it leaves the state once it is released, expired or shipped to the last unit. `returnable` is what was
 * shipped and not restocked. `lapsed` are the customers whose last hold to end did so without an approved payment.
 */
export type Stock = {
  readonly product: ProductFacts | null
  readonly onHand: ByWarehouse
  readonly held: ByWarehouse
  readonly pending: Holds
  readonly firm: Holds
  readonly lapsed: Lapses
  readonly returnable: number
}

export const noStock: Stock = {
  product: null,
  onHand: {},
  held: {},
  pending: noHolds,
  firm: noHolds,
  lapsed: noLapses,
  returnable: 0,
}

/** More units of one SKU than this in one warehouse are taken for a mistake. */
const MAX_ON_HAND = 100_000_000

export function availableIn(stock: Stock, warehouse: string): number {
  return (stock.onHand[warehouse] ?? 0) - (stock.held[warehouse] ?? 0)
}

/** Returns the units that nobody holds, over all warehouses. */
export function available(stock: Stock): number {
  return Object.keys(stock.onHand).reduce((sum, warehouse) => sum + availableIn(stock, warehouse), 0)
}

export function isLow(stock: Stock): boolean {
  return stock.product !== null && available(stock) <= stock.product.lowStockThreshold
}

/** Returns the order's hold, whether it is firm or pending. */
export function holdOf({ pending, firm }: Stock, orderId: string): Hold | undefined {
  return findHold(firm, orderId) ?? findHold(pending, orderId)
}

export function evolve(stock: Stock, event: StockEvent): Stock {
  switch (event.type) {
    case 'ProductAdded': {
      const { sku: _, ...product } = event.data
      return { ...stock, product }
    }
    case 'ProductDescribed':
      return stock.product ? { ...stock, product: describedAs(stock.product, event.data) } : stock
    case 'PriceChanged':
      return withProduct(stock, { price: event.data.price })
    case 'LowStockThresholdSet':
      return withProduct(stock, { lowStockThreshold: event.data.threshold })
    case 'StockReceived':
    case 'StockCorrected':
      return { ...stock, onHand: add(stock.onHand, [event.data], 1) }
    case 'StockReserved':
      return reserved(stock, event.data)
    case 'ReservationCommitted':
      return committed(stock, event.data)
    case 'ReservationReleased':
    case 'ReservationExpired':
      return {
        ...withoutHold(stock, event.data.orderId),
        held: add(stock.held, event.data.allocations, -1),
        lapsed: afterEnd(stock, event.data.orderId),
      }
    case 'StockShipped':
      return shipped(stock, event.data)
    case 'StockRestocked':
      return {
        ...stock,
        onHand: add(stock.onHand, [event.data], 1),
        returnable: stock.returnable - event.data.quantity,
      }
    case 'LowStockReached':
      return stock
  }
}

export function evolveAll(stock: Stock, events: readonly StockEvent[]): Stock {
  return events.reduce(evolve, stock)
}

function withProduct(stock: Stock, facts: Partial<ProductFacts>): Stock {
  return stock.product ? { ...stock, product: { ...stock.product, ...facts } } : stock
}

function withoutHold(stock: Stock, orderId: string): Stock {
  return { ...stock, pending: dropHold(stock.pending, orderId), firm: dropHold(stock.firm, orderId) }
}

/** Only a hold that was never committed lapses. */
function afterEnd({ pending, lapsed }: Stock, orderId: string): Lapses {
  const hold = findHold(pending, orderId)
  return hold ? addLapse(lapsed, hold.customerId) : lapsed
}

function reserved(stock: Stock, data: Extract<StockEvent, { type: 'StockReserved' }>['data']): Stock {
  const { orderId, customerId, expiresAt } = data
  const allocations = data.allocations.map(units => ({ ...units, shipped: 0 }))
  const hold = { customerId, expiresAt, committed: false, allocations }
  return {
    ...stock,
    held: add(stock.held, data.allocations, 1),
    pending: putHold(stock.pending, orderId, hold),
  }
}

function committed(stock: Stock, { orderId }: HoldReference): Stock {
  const hold = findHold(stock.pending, orderId)
  if (!hold) return stock
  const firm = putHold(stock.firm, orderId, { ...hold, committed: true })
  const lapsed = dropLapse(stock.lapsed, hold.customerId)
  return { ...stock, pending: dropHold(stock.pending, orderId), firm, lapsed }
}

function shipped(stock: Stock, { orderId, warehouse, quantity }: HoldReference & Units): Stock {
  const units = [{ warehouse, quantity }]
  return {
    ...stock,
    firm: shippedFrom(stock.firm, { orderId, warehouse, quantity }),
    onHand: add(stock.onHand, units, -1),
    held: add(stock.held, units, -1),
    returnable: stock.returnable + quantity,
  }
}

function shippedFrom(holds: Holds, { orderId, warehouse, quantity }: Units & { orderId: string }): Holds {
  const hold = findHold(holds, orderId)
  if (!hold) return holds
  const allocations = hold.allocations.map(units =>
    units.warehouse === warehouse ? { ...units, shipped: units.shipped + quantity } : units,
  )
  const isDone = allocations.every(units => units.shipped >= units.quantity)
  return isDone ? dropHold(holds, orderId) : putHold(holds, orderId, { ...hold, allocations })
}

function add(sums: ByWarehouse, units: readonly Units[], sign: 1 | -1): ByWarehouse {
  const result: Record<string, number> = { ...sums }
  for (const { warehouse, quantity } of units) result[warehouse] = (result[warehouse] ?? 0) + sign * quantity
  return result
}

// Commands on one SKU.

type ProductExists = {
  readonly code: 'PRODUCT_EXISTS'
  readonly message: string
  readonly sku: string
}
type StockBelowReserved = {
  readonly code: 'STOCK_BELOW_RESERVED'
  readonly message: string
  readonly onHand: number
  readonly reserved: number
}
type StockTooLarge = { readonly code: 'STOCK_TOO_LARGE'; readonly message: string }
export type AdjustRefusal = ProductNotFound | StockBelowReserved | StockTooLarge

type AddProduct = {
  readonly sku: string
  readonly facts: ProductFacts
  /** Names each warehouse at most once. */
  readonly units: readonly Units[]
  readonly at: string
  /** The place in a family, of a product with variants. */
  readonly place?: FamilyPlace | undefined
}

export function addProduct(
  stock: Stock,
  { sku, facts, units, at, place }: AddProduct,
): Decision<StockEvent, ProductExists> {
  if (stock.product)
    return refuse({ code: 'PRODUCT_EXISTS', message: `There is already a product ${sku}.`, sku })
  const received = units
    .filter(({ quantity }) => quantity > 0)
    .map(
      ({ warehouse, quantity }): StockEvent => ({
        type: 'StockReceived',
        data: { sku, warehouse, quantity, reason: 'initial stock' },
      }),
    )
  return accept({ type: 'ProductAdded', data: { ...facts, ...place, sku, addedAt: at } }, ...received)
}

export function changePrice(
  stock: Stock,
  { sku, price }: { sku: string; price: Money },
): Decision<StockEvent, ProductNotFound> {
  if (!stock.product) return refuse(productNotFound(sku))
  const { minor, currency } = stock.product.price
  if (minor === price.minor && currency === price.currency) return accept()
  return accept({ type: 'PriceChanged', data: { sku, price } })
}

export function setLowStockThreshold(
  stock: Stock,
  { sku, threshold }: { sku: string; threshold: number },
): Decision<StockEvent, ProductNotFound> {
  if (!stock.product) return refuse(productNotFound(sku))
  if (stock.product.lowStockThreshold === threshold) return accept()
  return accept(...signalled(sku, stock, [{ type: 'LowStockThresholdSet', data: { sku, threshold } }]))
}

/** Adjusts units that no order holds. A hold past its end gives its units back first. */
export function adjustStock(
  stock: Stock,
  command: { sku: string; warehouse: string; quantity: number; reason: string; at: string },
): Decision<StockEvent, AdjustRefusal> {
  const { sku, warehouse, quantity, reason, at } = command
  if (!stock.product) return refuse(productNotFound(sku))
  const expired = quantity < 0 ? expiries(sku, stock, at) : []
  const current = evolveAll(stock, expired)
  const onHand = current.onHand[warehouse] ?? 0
  const reserved = current.held[warehouse] ?? 0
  if (quantity < 0 && onHand + quantity < reserved) return refuse(belowReserved(command, onHand, reserved))
  if (onHand + quantity > MAX_ON_HAND)
    return refuse({
      code: 'STOCK_TOO_LARGE',
      message: `${warehouse} would have ${onHand + quantity} units of ${sku}; at most ${MAX_ON_HAND} are accepted.`,
    })
  const type = quantity > 0 ? 'StockReceived' : 'StockCorrected'
  return accept(...signalled(sku, stock, [...expired, { type, data: { sku, warehouse, quantity, reason } }]))
}

function belowReserved(
  { sku, warehouse, quantity }: { sku: string; warehouse: string; quantity: number },
  onHand: number,
  reserved: number,
): StockBelowReserved {
  const message = `${warehouse} has ${onHand} units of ${sku}, ${reserved} of them reserved: ${-quantity} cannot be taken.`
  return { code: 'STOCK_BELOW_RESERVED', message, onHand, reserved }
}

/** Returns the events that expire the due holds. */
export function expiries(sku: string, stock: Stock, at: string): StockEvent[] {
  return dueHolds(stock.pending, at).map(([orderId, hold]) =>
    ended('ReservationExpired', { sku, orderId, hold }),
  )
}

/** Returns the event that ends a hold, with the units that it gives back. */
export function ended(
  type: 'ReservationReleased' | 'ReservationExpired',
  { sku, orderId, hold }: { readonly sku: string; readonly orderId: string; readonly hold: Hold },
): StockEvent {
  return { type, data: { sku, orderId, customerId: hold.customerId, allocations: unshipped(hold) } }
}

/** Returns `events`, followed by LowStockReached when they bring the SKU down to its threshold. */
export function signalled(sku: string, stock: Stock, events: readonly StockEvent[]): StockEvent[] {
  const after = evolveAll(stock, events)
  if (!after.product || isLow(stock) || !isLow(after)) return [...events]
  const data = { sku, available: available(after), threshold: after.product.lowStockThreshold }
  return [...events, { type: 'LowStockReached', data }]
}
