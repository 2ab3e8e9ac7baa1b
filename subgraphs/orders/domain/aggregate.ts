// Defines how orders and customers are stored in the event store.
import type { Aggregate, Repository } from '#platform/event-store/aggregate.ts'
import { createCodec } from '#platform/event-store/codec.ts'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import {
  type Customer,
  type CustomerEvent,
  evolve as evolveCustomer,
  absent as noCustomer,
} from '#subgraphs/orders/domain/customer.ts'
import { ORDER_EVENT_TYPES, type OrderEvent } from '#subgraphs/orders/domain/events.ts'
import { evolve as evolveOrder, absent as noOrder, type Order } from '#subgraphs/orders/domain/order.ts'

/** Stores each order as an aggregate of its own, in the stream `order-<ord_id>`. */
export const orderAggregate: Aggregate<Order, OrderEvent> = {
  category: 'order',
  initial: noOrder,
  evolve: evolveOrder,
  types: ORDER_EVENT_TYPES,
}
export type OrderRepository = Repository<Order, OrderEvent>

/** Stores each customer as an aggregate of its own, in the stream `customer-<cus_id>`. */
export const customerAggregate: Aggregate<Customer, CustomerEvent> = {
  category: 'customer',
  initial: noCustomer,
  evolve: evolveCustomer,
  types: ['CustomerRegistered', 'CustomerChanged'],
}
export type CustomerRepository = Repository<Customer, CustomerEvent>

const orderCodec = createCodec<Order, OrderEvent>(orderAggregate)

/** Returns the domain event that was stored, or undefined for a type that this build does not know. */
export function orderEventOf(recorded: RecordedEvent): OrderEvent | undefined {
  return orderCodec.decode(recorded)
}
