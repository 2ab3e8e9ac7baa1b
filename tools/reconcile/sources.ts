// Reads the records of the four services for the reconciler: views by order id, page by page, and single orders from events.
import { siblingId } from '#platform/domain/ids.ts'
import type { EventStore } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { createRepository } from '#platform/event-store/repository.ts'
import { findAll } from '#platform/read-models/find-all.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import type { Collection, Document, Query } from '#platform/read-models/read-models.ts'
import type { SubgraphName } from '#platform/subgraph/names.ts'
import type { ProductDoc } from '#subgraphs/inventory/queries/product-documents.ts'
import { productsView, type ReservationDoc, reservationsView } from '#subgraphs/inventory/queries/views.ts'
import { orderAggregate } from '#subgraphs/orders/domain/aggregate.ts'
import { type OrderDoc, ordersView } from '#subgraphs/orders/queries/views.ts'
import { paymentAggregate } from '#subgraphs/payment/domain/aggregate.ts'
import { isStanding } from '#subgraphs/payment/domain/payment.ts'
import { type PaymentDoc, paymentsView } from '#subgraphs/payment/queries/views.ts'
import { shipmentAggregate } from '#subgraphs/shipping/domain/aggregate.ts'
import type { ExistingShipment } from '#subgraphs/shipping/domain/shipment.ts'
import { type ShipmentDoc, shipmentsView } from '#subgraphs/shipping/queries/views.ts'
import type { OrderRecords } from '#tools/reconcile/compare.ts'

/** Connection strings of each service's events and views. */
export type ServiceStores = Readonly<
  Record<SubgraphName, { readonly database: string; readonly readModels: string }>
>

export type Sources = AsyncDisposable & {
  /** Reads from the views every order that any service knows, by ascending order id. Memory: one page per view. */
  readonly orders: () => AsyncGenerator<OrderRecords>
  /** Reads the current records of one order, from events where they are opened per order. */
  readonly order: (orderId: string) => Promise<OrderRecords>
  readonly products: () => AsyncGenerator<ProductDoc>
  readonly reservations: () => AsyncGenerator<ReservationDoc>
}

const PAGE = 500
/** The most parcels of one order that are read: one per warehouse, of at most 100 warehouses. */
const MAX_PARCELS = 1_000

export async function openSources(places: ServiceStores): Promise<Sources> {
  await using open = new AsyncDisposableStack()
  const [orders, inventory, payment, shipping] = await Promise.all([
    openPlace(places.orders, open),
    openPlace(places.inventory, open),
    openPlace(places.payment, open),
    openPlace(places.shipping, open),
  ])
  const views: Views = {
    orders: await orders.models.collection(ordersView.collection),
    payments: await payment.models.collection(paymentsView.collection),
    reservations: await inventory.models.collection(reservationsView.collection),
    products: await inventory.models.collection(productsView.collection),
    shipments: await shipping.models.collection(shipmentsView.collection),
  }
  const order = orderReader(views, { orders: orders.store, payment: payment.store, shipping: shipping.store })
  const opened = open.move()
  return {
    orders: () => joinedOrders(views),
    order,
    products: () => documents(views.products),
    reservations: () => documents(views.reservations),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

type Views = {
  readonly orders: Collection<OrderDoc>
  readonly payments: Collection<PaymentDoc>
  readonly reservations: Collection<ReservationDoc>
  readonly products: Collection<ProductDoc>
  readonly shipments: Collection<ShipmentDoc>
}

async function openPlace({ database, readModels }: ServiceStores[SubgraphName], open: AsyncDisposableStack) {
  const store = open.use(await openPostgresEventStore({ url: database }))
  const models = open.use(await openReadModels(readModels))
  return { store, models }
}

async function* documents<Doc extends Document>(
  collection: Collection<Doc>,
  orderBy?: Query['orderBy'],
): AsyncGenerator<Doc> {
  for await (const { doc } of findAll(collection, { limit: PAGE, ...(orderBy && { orderBy }) })) yield doc
}

/** Merges four sorted readers: ids sort by time, and everything about an order carries its id. */
async function* joinedOrders(views: Views): AsyncGenerator<OrderRecords> {
  const orders = lookAhead(documents(views.orders), doc => doc.id)
  const payments = lookAhead(documents(views.payments), doc => doc.orderId)
  const reservations = lookAhead(documents(views.reservations), doc => doc.orderId)
  const shipments = lookAhead(documents(views.shipments, { path: 'orderId' }), doc => doc.orderId)
  for (;;) {
    const next = await Promise.all([orders, payments, reservations, shipments].map(reader => reader.key()))
    const [orderId] = next.filter(key => key !== undefined).sort()
    if (orderId === undefined) return
    yield {
      orderId,
      order: (await orders.take(orderId)).at(0),
      payment: (await payments.take(orderId)).at(0),
      reservation: (await reservations.take(orderId)).at(0),
      shipments: await shipments.take(orderId),
    }
  }
}

type LookAhead<Doc> = {
  readonly key: () => Promise<string | undefined>
  /** Takes all items that come next under `key`. */
  readonly take: (key: string) => Promise<Doc[]>
}

function lookAhead<Doc>(source: AsyncGenerator<Doc>, keyOf: (doc: Doc) => string): LookAhead<Doc> {
  let next: Promise<IteratorResult<Doc>> | undefined
  const peek = () => {
    next ??= source.next()
    return next
  }
  return {
    async key() {
      const { done, value } = await peek()
      return done ? undefined : keyOf(value)
    },
    async take(key) {
      const taken: Doc[] = []
      for (
        let { done, value } = await peek();
        !done && keyOf(value) === key;
        { done, value } = await peek()
      ) {
        taken.push(value)
        next = undefined
      }
      return taken
    },
  }
}

type Stores = Readonly<Record<'orders' | 'payment' | 'shipping', EventStore>>

function orderReader(views: Views, stores: Stores): Sources['order'] {
  const orders = createRepository(stores.orders, orderAggregate)
  const payments = createRepository(stores.payment, paymentAggregate)
  const shipping = createRepository(stores.shipping, shipmentAggregate)
  return async orderId => {
    const [{ state: order }, { state: payment }, reservation, listed] = await Promise.all([
      orders.load(orderId),
      payments.load(siblingId('payment', orderId)),
      views.reservations.get(orderId),
      views.shipments.find({ where: [{ path: 'orderId', equals: orderId }], limit: MAX_PARCELS }),
    ])
    const placed = order.status === 'ABSENT' ? undefined : order
    const ids = [...listed.items.map(({ id }) => id), ...(placed?.shipments ?? []).map(of => of.shipmentId)]
    const loaded = await Promise.all([...new Set(ids)].map(async id => (await shipping.load(id)).state))
    const shipments = loaded.filter((state): state is ExistingShipment => state.status !== 'ABSENT')
    return {
      orderId,
      order: placed,
      payment: isStanding(payment) ? payment : undefined,
      reservation,
      shipments: shipments.filter(shipment => shipment.orderId === orderId),
    }
  }
}
