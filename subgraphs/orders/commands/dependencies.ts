// Types the dependencies of orders' commands.
import type { Catalogue } from '#subgraphs/orders/adapters/catalogue.ts'
import type { ShippingQuotes } from '#subgraphs/orders/adapters/shipping-quotes.ts'
import type { OrderWatches } from '#subgraphs/orders/commands/order-watch.ts'
import type { RecentDemand } from '#subgraphs/orders/commands/recent-demand.ts'
import type { CustomerRepository, OrderRepository } from '#subgraphs/orders/domain/aggregate.ts'

export type CommandDependencies = {
  readonly orders: OrderRepository
  readonly customers: CustomerRepository
  readonly catalogue: Catalogue
  readonly quotes: ShippingQuotes
  readonly demand: RecentDemand
  readonly watches: OrderWatches
  /** The store's newest position. */
  readonly head: () => Promise<number>
  readonly now: () => Date
}
