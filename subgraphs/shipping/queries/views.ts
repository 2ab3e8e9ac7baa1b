// Defines the read model of shipping: one document per shipment, which is the aggregate's state with its stage.
import type { View } from '#platform/read-models/projection.ts'
import { projectEvents } from '#platform/subgraph/project-events.ts'
import { createStages, type Stage } from '#platform/subgraph/stages.ts'
import { shipmentAggregate } from '#subgraphs/shipping/domain/aggregate.ts'
import { type ExistingShipment, evolve, type ShipmentStatus } from '#subgraphs/shipping/domain/shipment.ts'

export const stages = createStages<ShipmentStatus>(['REFUSED', 'CANCELLED', 'DELIVERED', 'LOST'])

export type ShipmentDoc = ExistingShipment & { readonly stage: Stage<ShipmentStatus> }

/**
 * Found by id, by order, by status; each oldest first. The statuses of one stage share a range of the index. No address:
 * what is sent where stays in the events.
 */
export const shipmentsView: View<ShipmentDoc> = {
  collection: {
    name: 'shipments',
    version: 2,
    indexes: [['orderId', 'createdAt'], ['stage', 'createdAt'], ['createdAt']],
    moving: ['status'],
  },
  categories: [shipmentAggregate.category],
  ownStream: true,
  project: projectEvents(shipmentAggregate, (event, { id }) => [
    {
      id,
      update: doc => {
        const before = doc ? shipmentOf(doc) : shipmentAggregate.initial
        const shipment = evolve(before, event)
        if (shipment === before || shipment.status === 'ABSENT') return doc
        return { stage: stages.of(shipment.status), ...shipment }
      },
    },
  ]),
}

function shipmentOf({ stage: _, ...shipment }: ShipmentDoc): ExistingShipment {
  return shipment
}
