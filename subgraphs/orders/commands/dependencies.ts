// What the parts of the orders service share: repositories, clocks, and what it asks of other services. Types only.
import type { Repository } from '#platform/event-store/aggregate.ts'
import type { Collection } from '#platform/read-models/read-models.ts'
import type { SagaRunner } from '#platform/saga/saga.ts'
import type { Catalogue } from '#subgraphs/orders/adapters/catalogue.ts'
import type { Quotes } from '#subgraphs/orders/adapters/shipping-quotes.ts'
import type { Settlements } from '#subgraphs/orders/commands/order-watch.ts'
import type { Customer, CustomerEvent, RegisteredCustomer } from '#subgraphs/orders/domain/customer.ts'
import type { Order, OrderEvent } from '#subgraphs/orders/domain/order.ts'
import type { FulfilmentInput } from '#subgraphs/orders/fulfilment/fulfilment.ts'
import type { OrderDoc, TotalsDoc } from '#subgraphs/orders/queries/views.ts'

export type OrderRepository = Repository<Order, OrderEvent>
export type CustomerRepository = Repository<Customer, CustomerEvent>

/** What the resolvers work with. */
export type OrdersDesk = {
  readonly orders: OrderRepository
  readonly customers: CustomerRepository
  readonly catalogue: Catalogue
  readonly quotes: Quotes
  readonly settlements: Settlements
  readonly sagas: SagaRunner<FulfilmentInput>
  readonly views: {
    readonly orders: Collection<OrderDoc>
    readonly customers: Collection<RegisteredCustomer>
    readonly totals: Collection<TotalsDoc>
  }
  /** A position up to which the view of orders surely shows every event. */
  readonly shown: () => Promise<number>
  /** The store's newest position. */
  readonly head: () => Promise<number>
  readonly now: () => Date
}
