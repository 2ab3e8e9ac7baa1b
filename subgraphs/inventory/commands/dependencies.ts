// Types the dependencies of inventory's commands.
import type { Collection } from '#platform/read-models/read-models.ts'
import type { StockRepository } from '#subgraphs/inventory/domain/aggregate.ts'
import type { HoldQuota } from '#subgraphs/inventory/domain/holds.ts'
import type { ReservationDoc } from '#subgraphs/inventory/queries/views.ts'

export type CommandDependencies = {
  readonly stocks: StockRepository
  readonly reservations: Collection<ReservationDoc>
  readonly now: () => Date
  /** Bounds each customer's holds that no payment is approved for. */
  readonly holdQuota: HoldQuota
}
