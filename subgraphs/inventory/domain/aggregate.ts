// How the stock of a SKU is kept in the event store.
import type { Aggregate, Repository } from '#platform/event-store/aggregate.ts'
import {
  evolve,
  noStock,
  STOCK_EVENT_TYPES,
  type Stock,
  type StockEvent,
} from '#subgraphs/inventory/domain/stock.ts'

/** One aggregate per SKU; its id is the SKU. */
export const stockAggregate: Aggregate<Stock, StockEvent> = {
  category: 'stock',
  initial: noStock,
  evolve,
  types: STOCK_EVENT_TYPES,
  snapshot: { schema: 2, every: 200 },
}

export type StockRepository = Repository<Stock, StockEvent>
