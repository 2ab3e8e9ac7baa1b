// Types the dependencies of orders' commands.
import type { Append, AppendResult } from '#platform/event-store/event-store.ts'
import type { Catalogue } from '#subgraphs/orders/adapters/catalogue.ts'
import type { ShippingQuotes } from '#subgraphs/orders/adapters/shipping-quotes.ts'
import type { OrderWatches } from '#subgraphs/orders/commands/order-watch.ts'
import type { RecentDemand } from '#subgraphs/orders/commands/recent-demand.ts'
import type { CustomerRepository, OrderRepository } from '#subgraphs/orders/domain/aggregate.ts'
import type { OrderPlaced } from '#subgraphs/orders/domain/events.ts'

export type CommandDependencies = {
  readonly orders: OrderRepository
  readonly customers: CustomerRepository
  readonly catalogue: Catalogue
  readonly quotes: ShippingQuotes
  readonly demand: RecentDemand
  readonly watches: OrderWatches
  /** Makes the append that places an order, with the start of its fulfilment. */
  readonly appendPlaced: (append: Append, placed: OrderPlaced) => Promise<AppendResult>
  /** The store's newest position. */
  readonly head: () => Promise<number>
  readonly now: () => Date
}
