// Loads the documents of shipping in batches per operation, and checks who may see them.
import DataLoader from 'dataloader'
import { mayActFor, type Viewer } from '#platform/auth/viewer.ts'
import { loaderOf, type RequestContext } from '#platform/graphql/context.ts'
import { findAll } from '#platform/read-models/find-all.ts'
import type { Collection } from '#platform/read-models/read-models.ts'
import type { ShipmentDoc } from '#subgraphs/shipping/queries/views.ts'

export type QueryDependencies = {
  readonly shipments: Collection<ShipmentDoc>
  readonly now: () => Date
}

/** Shipments of one read while the shipments of many orders are collected. */
const READ_LIMIT = 1000

/** Returns the shipment, or null for somebody else's, as for one that is not there. */
export function visibleShipment(
  shipment: ShipmentDoc | undefined,
  viewer: Viewer | undefined,
): ShipmentDoc | null {
  return shipment && mayActFor(viewer, shipment.customerId) ? shipment : null
}

/** Batches the shipments of the orders of one operation, oldest first. */
export function shipmentsOfOrderLoader({ shipments }: QueryDependencies, context: RequestContext) {
  const load = (orderIds: readonly string[]) => findByOrder(orderIds, shipments)
  return loaderOf(context, 'shipmentsByOrder', () => new DataLoader(load))
}

async function findByOrder(
  orderIds: readonly string[],
  shipments: Collection<ShipmentDoc>,
): Promise<(readonly ShipmentDoc[])[]> {
  const query = {
    where: [{ path: 'orderId', in: orderIds }],
    orderBy: { path: 'createdAt' },
    limit: READ_LIMIT,
  }
  const found: ShipmentDoc[] = []
  for await (const { doc } of findAll(shipments, query)) found.push(doc)
  const grouped = Map.groupBy(found, ({ orderId }) => orderId)
  return orderIds.map(id => grouped.get(id) ?? [])
}
