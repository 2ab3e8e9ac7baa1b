// Provides sample stocks and events for the tests of inventory.
import type { Hold, Units } from '#subgraphs/inventory/domain/holds.ts'
import type { ProductFacts } from '#subgraphs/inventory/domain/product.ts'
import type { Stock, StockEvent } from '#subgraphs/inventory/domain/stock.ts'
import { addProduct, evolveAll, noStock } from '#subgraphs/inventory/domain/stock.ts'

export const AT = '2026-01-31T12:00:00.000Z'
export const BEFORE = '2026-01-31T11:00:00.000Z'
export const LATER = '2026-01-31T13:00:00.000Z'
export const ORDER = 'ord_00000000-0000-7000-8000-000000000001'
export const OTHER = 'ord_00000000-0000-7000-8000-000000000002'
export const CUSTOMER = 'cus_00000000-0000-7000-8000-000000000001'

export const facts: ProductFacts = {
  title: 'Oak table',
  category: 'Furniture',
  price: { minor: 19_999, currency: 'EUR' },
  weightGrams: 24_000,
  dimensions: { lengthCm: 180, widthCm: 90, heightCm: 75 },
  lowStockThreshold: 0,
}

/** The stock of `sku` with `units` in each warehouse and then `events`. */
export function stockWith(sku: string, units: Record<string, number>, ...events: StockEvent[]): Stock {
  const listed = Object.entries(units).map(([warehouse, quantity]): Units => ({ warehouse, quantity }))
  const added = addProduct(noStock, { sku, facts, units: listed, at: AT })
  if ('refused' in added) throw new Error(added.refused.message)
  return evolveAll(noStock, [...added.accepted, ...events])
}

/** An order's hold of `quantity` units of `sku` in BER-1, until `expiresAt`. */
export function holding(sku: string, quantity: number, expiresAt = LATER, orderId = ORDER): StockEvent {
  const allocations = [{ warehouse: 'BER-1', quantity }]
  return { type: 'StockReserved', data: { sku, orderId, customerId: CUSTOMER, allocations, expiresAt } }
}

export function committed(sku: string, orderId = ORDER): StockEvent {
  return { type: 'ReservationCommitted', data: { sku, orderId, customerId: CUSTOMER } }
}

/** Every hold on a SKU, with its order. */
export function holdsOn({ pending, firm }: Stock): [string, Hold][] {
  return [pending, firm].flatMap(holds => Object.values(holds).flatMap(shard => Object.entries(shard)))
}
