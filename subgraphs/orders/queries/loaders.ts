// Who may see which order and customer, and the loaders that fetch them in batches. Free of SDL.
import DataLoader from 'dataloader'
import { isStaff, mayActFor, requireViewer, type Viewer } from '#platform/auth/viewer.ts'
import { loaderOf, type RequestContext } from '#platform/graphql/context.ts'
import type { Collection, Document, Filter } from '#platform/read-models/read-models.ts'
import type { OrdersDesk } from '#subgraphs/orders/commands/dependencies.ts'
import type { RegisteredCustomer } from '#subgraphs/orders/domain/customer.ts'
import type { PlacedOrder } from '#subgraphs/orders/domain/order.ts'

/** Somebody else's order looks like none. */
export function visibleOrder(order: PlacedOrder | undefined, viewer: Viewer | undefined): PlacedOrder | null {
  return order && mayActFor(viewer, order.customer.id) ? order : null
}

/** All orders for staff, a customer's own for itself. */
export function ownOrders(viewer: Viewer | undefined): Filter[] {
  const { subject } = requireViewer(viewer)
  return isStaff(viewer) ? [] : [{ path: 'customer.id', equals: subject }]
}

export function loadOrder(
  desk: OrdersDesk,
  context: RequestContext,
  id: string,
): Promise<PlacedOrder | undefined> {
  return byId(context, 'orders', desk.views.orders).load(id)
}

export function loadCustomer(
  desk: OrdersDesk,
  context: RequestContext,
  id: string,
): Promise<RegisteredCustomer | undefined> {
  return byId(context, 'customers', desk.views.customers).load(id)
}

function byId<Doc extends Document>(
  context: RequestContext,
  name: string,
  collection: Collection<Doc>,
): DataLoader<string, Doc | undefined> {
  return loaderOf(
    context,
    name,
    () =>
      new DataLoader<string, Doc | undefined>(async ids => {
        const found = await collection.getMany(ids)
        return ids.map(id => found.get(id))
      }),
  )
}
