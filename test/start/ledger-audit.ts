// Audits orders, money, parcels and stock straight from the databases, against what the sandbox provider and carrier
// really did. It does not rely on the services.

import { isDeepStrictEqual } from 'node:util'
import { siblingId } from '#platform/domain/ids.ts'
import type { EventStore } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import type { View } from '#platform/read-models/projection.ts'
import type { Collection, Document, ReadModels } from '#platform/read-models/read-models.ts'
import { SUBGRAPHS, type SubgraphName } from '#platform/subgraph/names.ts'
import * as inventory from '#subgraphs/inventory/queries/views.ts'
import type { PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import * as orders from '#subgraphs/orders/queries/views.ts'
import * as payment from '#subgraphs/payment/queries/views.ts'
import type { ShipmentDoc } from '#subgraphs/shipping/queries/views.ts'
import * as shipping from '#subgraphs/shipping/queries/views.ts'
import { queryDatabase } from '#test/fixtures/databases.ts'
import type { StoreUrls } from '#testbed/fleet/engine-set.ts'
import { STOCK } from './traffic.ts'

/** The amounts that the provider moved for one payment, in minor units. `pending` may still be approved. */
type Ledger = {
  readonly reference: string
  readonly authorised: number
  readonly captured: number
  readonly voided: number
  readonly refunded: number
  readonly pending: number
}
type Parcel = { readonly reference: string; readonly collected: boolean; readonly cancelled: boolean }

type AuditedRecords = {
  readonly everyOrder: ReadonlyMap<string, PlacedOrder>
  readonly everyShipment: ReadonlyMap<string, ShipmentDoc>
  /** Orders and shipments of the audited customers. */
  readonly orders: readonly PlacedOrder[]
  readonly shipments: readonly ShipmentDoc[]
  readonly ledgers: ReadonlyMap<string, Ledger>
  readonly parcels: ReadonlyMap<string, Parcel>
}

const LEDGERS = `
  SELECT reference,
    coalesce(sum(minor) FILTER (WHERE operation = 'authorise' AND status = 'approved'), 0)::float8 AS authorised,
    coalesce(sum(minor) FILTER (WHERE operation = 'capture' AND status = 'approved'), 0)::float8 AS captured,
    coalesce(sum(minor) FILTER (WHERE operation = 'void' AND status = 'approved'), 0)::float8 AS voided,
    coalesce(sum(minor) FILTER (WHERE operation = 'refund' AND status = 'approved'), 0)::float8 AS refunded,
    count(*) FILTER (WHERE status = 'pending')::int AS pending
  FROM sandbox_provider.operations GROUP BY reference`
const PARCELS = `
  SELECT reference, collected_at IS NOT NULL AS collected, cancelled_at IS NOT NULL AS cancelled
  FROM sandbox_carrier.parcels`

type Received = Readonly<Record<string, Readonly<Record<string, number>>>>

/**
 * Returns every discrepancy in the orders of `customers` as a sentence; empty when all balance. Call it once all orders
 * have settled. `received` is the stock of goods that only these customers ordered.
 */
export async function findDiscrepancies(
  places: StoreUrls,
  customers: readonly string[],
  received: Received = STOCK,
): Promise<string[]> {
  const books = await readBooks(places, new Set(customers))
  return [
    ...books.orders.flatMap(order => [...moneyOf(order, books), ...goodsOf(order, books)]),
    ...duplicates(books.orders.map(({ reference }) => reference ?? '')).map(
      key => `two orders for key ${key}`,
    ),
    ...strays(books),
    ...(await stock(places, books, received)),
    ...(await Promise.all(SUBGRAPHS.map(name => deadLetters(places, name)))).flat(),
    ...(await Promise.all(SUBGRAPHS.map(name => staleViews(places, name)))).flat(),
  ]
}

async function readBooks(places: StoreUrls, customers: ReadonlySet<string>): Promise<AuditedRecords> {
  const [everyOrder, everyShipment, ledgers, parcels] = await Promise.all([
    withReadModels(places, 'orders', models => allOf(models, orders.ordersView)),
    withReadModels(places, 'shipping', models => allOf(models, shipping.shipmentsView)),
    rows<Ledger>(places, 'payment', LEDGERS),
    rows<Parcel>(places, 'shipping', PARCELS),
  ])
  return {
    everyOrder,
    everyShipment,
    orders: [...everyOrder.values()].filter(({ customer }) => customers.has(customer.id)),
    shipments: [...everyShipment.values()].filter(({ customerId }) => customers.has(customerId)),
    ledgers: new Map(ledgers.map(ledger => [ledger.reference, ledger])),
    parcels: new Map(parcels.map(parcel => [parcel.reference, parcel])),
  }
}

/** Checks the money: kept for what was sent, none when cancelled, and each authorisation captured or voided to the cent. */
function moneyOf(order: PlacedOrder, { ledgers }: AuditedRecords): string[] {
  const { id, status } = order
  const ledger = ledgers.get(siblingId('payment', id))
  const { authorised = 0, captured = 0, voided = 0, refunded = 0, pending = 0 } = ledger ?? {}
  const { least, most } = dueFor(order)
  const kept = captured - refunded
  const mayRefund = status === 'CANCELLED' || isPart(order)
  const told = JSON.stringify(ledger)
  return [
    ...(kept >= least && kept <= most
      ? []
      : [`${id} is ${status}: ${least} to ${most} should be kept: ${told}`]),
    ...(authorised === captured + voided
      ? []
      : [`${id}: an authorisation is neither taken nor let go: ${told}`]),
    ...((refunded === 0 || mayRefund) && pending === 0 ? [] : [`${id}: refunded or still pending: ${told}`]),
  ]
}

/**
 * Returns what an order may keep: its total. For a partly cancelled order, the goods that were sent and up to the whole
 * shipping fee, since the money of all parcels may have been captured before the cancellation.
 */
function dueFor(order: PlacedOrder): { least: number; most: number } {
  if (order.status !== 'COMPLETED') return { least: 0, most: 0 }
  if (!isPart(order)) return { least: order.total.minor, most: order.total.minor }
  const goods = sum(order.lines.map(({ shipped, unitPrice }) => shipped * unitPrice.minor))
  return { least: goods, most: goods + order.shippingFee.minor }
}

/** Returns whether only a part was cancelled, because one of two parcels was already with the carrier. */
function isPart({ lines, timeline }: PlacedOrder): boolean {
  const wasRequested = timeline.some(({ type }) => type === 'CancellationRequested')
  return wasRequested && lines.some(({ shipped, quantity }) => shipped < quantity)
}

/** Returns the units that the customer should have received. */
function wantedFor(order: PlacedOrder): Record<string, number> {
  if (order.status !== 'COMPLETED') return {}
  const wanted = isPart(order)
    ? order.lines.map(({ sku, shipped }) => ({ sku, quantity: shipped }))
    : order.lines
  return unitsOf(wanted.filter(({ quantity }) => quantity > 0))
}

/** Checks the goods: one parcel per warehouse, collected when completed and called back when cancelled. */
function goodsOf(order: PlacedOrder, { shipments, parcels }: AuditedRecords): string[] {
  const own = shipments.filter(({ orderId }) => orderId === order.id)
  const live = own.filter(({ status }) => status !== 'CANCELLED' && status !== 'REFUSED')
  const collected = own.filter(({ id }) => parcels.get(id)?.collected)
  const open = own.filter(
    ({ id }) => parcels.get(id) && !parcels.get(id)?.collected && !parcels.get(id)?.cancelled,
  )
  const problems = duplicates(own.map(({ warehouse }) => warehouse)).map(
    warehouse => `${order.id}: two shipments from ${warehouse}`,
  )
  if (open.length > 0)
    problems.push(`${order.id} is ${order.status}: parcel neither collected nor called back`)
  if (collected.length !== live.length)
    problems.push(`${order.id}: ${collected.length} of ${live.length} collected`)
  const wanted = wantedFor(order)
  const sent = unitsOf(collected.flatMap(({ lines }) => lines))
  if (!isDeepStrictEqual(sent, wanted))
    problems.push(
      `${order.id} is ${order.status}: sent ${JSON.stringify(sent)}, not ${JSON.stringify(wanted)}`,
    )
  return problems
}

function unitsOf(
  lines: readonly { readonly sku: string; readonly quantity: number }[],
): Record<string, number> {
  const units: Record<string, number> = {}
  for (const { sku, quantity } of lines) units[sku] = (units[sku] ?? 0) + quantity
  return Object.fromEntries(Object.entries(units).sort())
}

/** Finds payments, parcels and shipments without an order. */
function strays({ everyOrder, everyShipment, ledgers, parcels }: AuditedRecords): string[] {
  const payments = new Set([...everyOrder.keys()].map(id => siblingId('payment', id)))
  return [
    ...[...ledgers.keys()].filter(id => !payments.has(id)).map(id => `payment ${id} has no order`),
    ...[...parcels.keys()].filter(id => !everyShipment.has(id)).map(id => `parcel ${id} has no shipment`),
    ...[...everyShipment.values()]
      .filter(({ orderId }) => !everyOrder.has(orderId))
      .map(({ id }) => `shipment ${id} has no order`),
  ]
}

/** Checks the stock: on hand is what came in minus what customers got, and nothing is held. */
async function stock(places: StoreUrls, { orders: known }: AuditedRecords, all: Received): Promise<string[]> {
  const products = await withReadModels(places, 'inventory', models => allOf(models, inventory.productsView))
  const sold = unitsOf(
    known.flatMap(order => Object.entries(wantedFor(order)).map(([sku, quantity]) => ({ sku, quantity }))),
  )
  return Object.entries(all).flatMap(([sku, received]) => {
    const there = products.get(sku)?.stock ?? []
    const onHand = sum(there.map(place => place.onHand))
    const held = sum(there.map(place => place.held))
    const expected = sum(Object.values(received)) - (sold[sku] ?? 0)
    if (onHand === expected && held === 0) return []
    return [`${sku}: ${onHand} on hand and ${held} held, should be ${expected} and none`]
  })
}

async function deadLetters(places: StoreUrls, name: SubgraphName): Promise<string[]> {
  const sql = 'SELECT consumer, position, error FROM event_store.dead_letters'
  return (await rows<object>(places, name, sql)).map(
    letter => `${name}: dead letter ${JSON.stringify(letter)}`,
  )
}

const VIEWS: Readonly<Record<SubgraphName, readonly View<Document>[]>> = {
  orders: listed(orders.ordersView, orders.customersView, orders.totalsView),
  inventory: listed(inventory.productsView, inventory.reservationsView, inventory.totalsView),
  payment: listed(payment.paymentsView, payment.totalsView),
  shipping: listed(shipping.shipmentsView),
}

function listed(...views: readonly { readonly collection: { readonly name: string } }[]): View<Document>[] {
  return views as unknown as View<Document>[] // each view is given only its own documents
}

/** Finds view documents that differ from a fold of the whole event log. */
async function staleViews(places: StoreUrls, name: SubgraphName): Promise<string[]> {
  await using store = await openPostgresEventStore({ url: places[name] })
  return await withReadModels(places, name, async models => {
    const problems: string[] = []
    for (const view of VIEWS[name]) {
      const stored = await allOf(models, view)
      const folded = await fold(store, view)
      for (const id of new Set([...stored.keys(), ...folded.keys()]))
        if (!isDeepStrictEqual(plain(stored.get(id)), plain(folded.get(id))))
          problems.push(`${name}: ${view.collection.name} ${id} is not what its events say`)
    }
    return problems
  })
}

async function fold(store: EventStore, view: View<Document>): Promise<Map<string, Document>> {
  const documents = new Map<string, Document>()
  for (let after = 0; ; ) {
    const { events, scannedTo } = await store.readLog({ after, limit: 5_000, categories: view.categories })
    for (const event of events)
      for (const change of view.project(event)) {
        const next = change.update(documents.get(change.id))
        if (next === undefined) documents.delete(change.id)
        else documents.set(change.id, next)
      }
    if (scannedTo === after) return documents
    after = scannedTo
  }
}

async function allOf<Doc extends Document>(models: ReadModels, view: View<Doc>): Promise<Map<string, Doc>> {
  const collection: Collection<Doc> = await models.collection(view.collection)
  const documents = new Map<string, Doc>()
  for (let after: string | undefined; ; ) {
    const page = await collection.find({ limit: 500, ...(after !== undefined && { after }) })
    for (const { id, doc } of page.items) documents.set(id, doc)
    if (!(await page.hasNext())) return documents
    after = page.items.at(-1)?.cursor
  }
}

async function withReadModels<T>(
  places: StoreUrls,
  name: SubgraphName,
  read: (models: ReadModels) => Promise<T>,
): Promise<T> {
  await using models = await openReadModels(places.views?.[name] ?? places[name])
  return await read(models)
}

function rows<Row extends object>(places: StoreUrls, name: SubgraphName, sql: string): Promise<Row[]> {
  return queryDatabase(places[name], sql)
}

function duplicates(values: readonly string[]): string[] {
  return values.filter((value, index) => values.indexOf(value) !== index)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function plain(document: Document | undefined): unknown {
  return document === undefined ? undefined : JSON.parse(JSON.stringify(document))
}
