// Loads the documents of orders in batches per operation, and checks who may see them.
import { isStaff, mayActFor, requireViewer, type Viewer } from '#platform/auth/viewer.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { Collection, Filter } from '#platform/read-models/read-models.ts'
import type { SagaRunner } from '#platform/saga/saga.ts'
import { documentLoader } from '#platform/subgraph/document-loader.ts'
import type { OrderRepository } from '#subgraphs/orders/domain/aggregate.ts'
import type { RegisteredCustomer } from '#subgraphs/orders/domain/customer.ts'
import type { PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import type { OrderDoc, TotalsDoc } from '#subgraphs/orders/queries/views.ts'

export type QueryDependencies = {
  readonly orders: OrderRepository
  readonly sagas: Pick<SagaRunner<never>, 'list' | 'count' | 'inspect'>
  readonly views: {
    readonly orders: Collection<OrderDoc>
    readonly customers: Collection<RegisteredCustomer>
    readonly totals: Collection<TotalsDoc>
  }
  /** A position up to which the view of orders surely shows every event. */
  readonly shown: () => Promise<number>
  /** The store's newest position. */
  readonly head: () => Promise<number>
}

/** Returns the order, or null for somebody else's, as for one that is not there. */
export function visibleOrder(order: PlacedOrder | undefined, viewer: Viewer | undefined): PlacedOrder | null {
  return order && mayActFor(viewer, order.customer.id) ? order : null
}

/** Returns the filter for all orders that the viewer may see: all for staff, a customer's own. */
export function ownOrders(viewer: Viewer | undefined): Filter[] {
  const { subject } = requireViewer(viewer)
  return isStaff(viewer) ? [] : [{ path: 'customer.id', equals: subject }]
}

export function loadOrder(
  { views }: QueryDependencies,
  context: RequestContext,
  id: string,
): Promise<PlacedOrder | undefined> {
  return documentLoader(context, 'orders', views.orders).load(id)
}

export function loadCustomer(
  { views }: QueryDependencies,
  context: RequestContext,
  id: string,
): Promise<RegisteredCustomer | undefined> {
  return documentLoader(context, 'customers', views.customers).load(id)
}
