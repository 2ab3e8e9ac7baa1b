// How payments are kept in the event store.
import type { Aggregate, Repository } from '#platform/event-store/aggregate.ts'
import { PAYMENT_EVENT_TYPES, type PaymentEvent } from '#subgraphs/payment/domain/events.ts'
import { evolve, type Payment } from '#subgraphs/payment/domain/payment.ts'

/** One aggregate per payment. Streams are short (a few events a shipment), so no snapshots are kept. */
export const paymentAggregate: Aggregate<Payment, PaymentEvent> = {
  category: 'payment',
  initial: { phase: 'absent' },
  evolve,
  types: PAYMENT_EVENT_TYPES,
}
export type PaymentRepository = Repository<Payment, PaymentEvent>
