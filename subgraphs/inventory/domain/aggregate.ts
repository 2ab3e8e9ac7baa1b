// Defines how the stock of a SKU and the members of a family are stored in the event store.
import type { Aggregate, Repository } from '#platform/event-store/aggregate.ts'
import { evolveFamily, type Family, type FamilyEvent, noFamily } from '#subgraphs/inventory/domain/family.ts'
import {
  evolve,
  noStock,
  STOCK_EVENT_TYPES,
  type Stock,
  type StockEvent,
} from '#subgraphs/inventory/domain/stock.ts'

/** Stores the stock of each SKU as an aggregate whose id is the SKU. */
export const stockAggregate: Aggregate<Stock, StockEvent> = {
  category: 'stock',
  initial: noStock,
  evolve,
  types: STOCK_EVENT_TYPES,
  snapshot: { schema: 2, every: 200 },
}

export type StockRepository = Repository<Stock, StockEvent>

/** Stores each family as an aggregate whose id is the family's name. */
export const familyAggregate: Aggregate<Family, FamilyEvent> = {
  category: 'family',
  initial: noFamily,
  evolve: evolveFamily,
  types: ['FamilyMemberJoined'],
}

export type FamilyRepository = Repository<Family, FamilyEvent>
