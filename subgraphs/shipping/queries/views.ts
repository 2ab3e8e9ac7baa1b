// Defines the read model of shipping: one document per shipment, which is the aggregate's state.
import type { View } from '#platform/read-models/projection.ts'
import { projectEvents } from '#platform/subgraph/project-events.ts'
import { shipmentAggregate } from '#subgraphs/shipping/domain/aggregate.ts'
import { type ExistingShipment, evolve } from '#subgraphs/shipping/domain/shipment.ts'

export type ShipmentDoc = ExistingShipment

/** Found by id, by order, by status; each oldest first. No address: what is sent where stays in the events. */
export const shipmentsView: View<ShipmentDoc> = {
  collection: {
    name: 'shipments',
    version: 1,
    indexes: [['orderId', 'createdAt'], ['status', 'createdAt'], ['createdAt']],
  },
  categories: [shipmentAggregate.category],
  ownStream: true,
  project: projectEvents(shipmentAggregate, (event, { id }) => [
    {
      id,
      update: doc => {
        const next = evolve(doc ?? shipmentAggregate.initial, event)
        return next.status === 'ABSENT' ? undefined : next
      },
    },
  ]),
}
