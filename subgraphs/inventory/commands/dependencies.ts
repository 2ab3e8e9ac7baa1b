// Types the dependencies of inventory's commands.
import type { Append, AppendResult } from '#platform/event-store/event-store.ts'
import type { Collection } from '#platform/read-models/read-models.ts'
import type { FamilyRepository, StockRepository } from '#subgraphs/inventory/domain/aggregate.ts'
import type { HoldQuota } from '#subgraphs/inventory/domain/holds.ts'
import type { ReservationDoc } from '#subgraphs/inventory/queries/views.ts'

export type CommandDependencies = {
  readonly stocks: StockRepository
  readonly families: FamilyRepository
  /** Appends to the streams of stocks and families. */
  readonly appendAll: (append: Append) => Promise<AppendResult>
  readonly reservations: Collection<ReservationDoc>
  readonly now: () => Date
  /** Bounds each customer's holds that no payment is approved for. */
  readonly holdQuota: HoldQuota
}
