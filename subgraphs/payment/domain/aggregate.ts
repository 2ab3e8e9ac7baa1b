// Defines how payments are stored in the event store.
import type { Aggregate, Repository } from '#platform/event-store/aggregate.ts'
import { PAYMENT_EVENT_TYPES, type PaymentEvent } from '#subgraphs/payment/domain/events.ts'
import { evolve, type Payment } from '#subgraphs/payment/domain/payment.ts'

/** Stores each payment as an aggregate. Streams are short (a few events per shipment), so no snapshots are kept. */
export const paymentAggregate: Aggregate<Payment, PaymentEvent> = {
  category: 'payment',
  initial: { phase: 'absent' },
  evolve,
  types: PAYMENT_EVENT_TYPES,
}
export type PaymentRepository = Repository<Payment, PaymentEvent>
