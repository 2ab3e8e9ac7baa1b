// The read model of shipping: one document a shipment, which is the aggregate's state. Pure.
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import type { Change, View } from '#platform/read-models/projection.ts'
import { evolve, isShipmentEvent, type KnownShipment, shipmentAggregate } from '../domain/shipment.ts'

export type ShipmentDocument = KnownShipment

/** Found by id, by order, by status; each oldest first. No address: what is sent where stays in the events. */
export const shipmentsView: View<ShipmentDocument> = {
  collection: {
    name: 'shipments',
    version: 1,
    indexes: [['orderId', 'createdAt'], ['status', 'createdAt'], ['createdAt']],
  },
  categories: [shipmentAggregate.category],
  project,
}

function project(event: RecordedEvent): readonly Change<ShipmentDocument>[] {
  const { type, data } = event
  const decoded = { type, data }
  if (!isShipmentEvent(decoded)) return []
  return [
    {
      id: event.stream.slice(`${shipmentAggregate.category}-`.length),
      update: doc => {
        const next = evolve(doc ?? shipmentAggregate.initial, decoded)
        return next.status === 'ABSENT' ? undefined : next
      },
    },
  ]
}
