// What the resolvers of inventory work with: the aggregates, the read models and the clock. Free of GraphQL.
import type { Repository } from '#platform/event-store/aggregate.ts'
import type { Collection } from '#platform/read-models/read-models.ts'
import type { HoldQuota } from '#subgraphs/inventory/domain/holds.ts'
import type { Stock, StockEvent } from '#subgraphs/inventory/domain/stock.ts'
import type { NamedDoc, ProductDoc, ReservationDoc, TotalsDoc } from '#subgraphs/inventory/queries/views.ts'

export type StockRepository = Repository<Stock, StockEvent>

export type Inventory = {
  readonly stocks: StockRepository
  readonly products: Collection<ProductDoc>
  readonly reservations: Collection<ReservationDoc>
  readonly totals: Collection<TotalsDoc>
  readonly categories: Collection<NamedDoc>
  readonly warehouses: Collection<NamedDoc>
  readonly now: () => Date
  /** Bounds each customer's holds that no payment is approved for. */
  readonly holdQuota: HoldQuota
}
