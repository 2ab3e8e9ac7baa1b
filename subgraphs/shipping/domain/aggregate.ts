// Defines how shipments are stored in the event store.
import type { Aggregate, Repository } from '#platform/event-store/aggregate.ts'
import {
  evolve,
  SHIPMENT_EVENT_TYPES,
  type Shipment,
  type ShipmentEvent,
} from '#subgraphs/shipping/domain/shipment.ts'

/** Stores each shipment as an aggregate. Streams are short (MAX_TRACKING bounds their length), so no snapshot is kept. */
export const shipmentAggregate: Aggregate<Shipment, ShipmentEvent> = {
  category: 'shipment',
  initial: { status: 'ABSENT' },
  evolve,
  types: SHIPMENT_EVENT_TYPES,
}
export type ShipmentRepository = Repository<Shipment, ShipmentEvent>
