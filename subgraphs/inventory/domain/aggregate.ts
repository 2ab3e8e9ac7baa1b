// How the stock of a SKU is kept in the event store: its category, snapshots, and the way back from a stored event.
import type { Aggregate, DomainEvent } from '#platform/event-store/aggregate.ts'
import {
  evolve,
  noStock,
  STOCK_EVENT_TYPES,
  type Stock,
  type StockEvent,
} from '#subgraphs/inventory/domain/stock.ts'

export const STOCK_CATEGORY = 'stock'

/** One aggregate per SKU; its id is the SKU. */
export const stockAggregate: Aggregate<Stock, StockEvent> = {
  category: STOCK_CATEGORY,
  initial: noStock,
  evolve,
  types: STOCK_EVENT_TYPES,
  snapshot: { schema: 2, every: 200 },
}

const KNOWN: ReadonlySet<string> = new Set(STOCK_EVENT_TYPES)

/** The domain event that was stored; undefined for a type that this build does not know. */
export function stockEventOf({ type, data }: DomainEvent): StockEvent | undefined {
  return KNOWN.has(type) ? ({ type, data } as unknown as StockEvent) : undefined
}
