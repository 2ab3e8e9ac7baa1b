// How shipments are kept in the event store.
import type { Aggregate, Repository } from '#platform/event-store/aggregate.ts'
import {
  evolve,
  SHIPMENT_EVENT_TYPES,
  type Shipment,
  type ShipmentEvent,
} from '#subgraphs/shipping/domain/shipment.ts'

/** One aggregate per shipment. Streams are short (their length is bounded by MAX_TRACKING), so no snapshot is kept. */
export const shipmentAggregate: Aggregate<Shipment, ShipmentEvent> = {
  category: 'shipment',
  initial: { status: 'ABSENT' },
  evolve,
  types: SHIPMENT_EVENT_TYPES,
}
export type ShipmentRepository = Repository<Shipment, ShipmentEvent>
