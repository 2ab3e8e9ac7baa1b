// Grows the data of a stopped instance: histories, views, what the bus has told, and statistics.
import path from 'node:path'
import { checkCopy } from '#bench/growth/check-copies.ts'
import {
  type Copies,
  copyDocuments,
  copyHistories,
  skipOnBus,
  type TemplateDocument,
  templateDocuments,
} from '#bench/growth/copy-histories.ts'
import { saveStockSnapshots } from '#bench/growth/stock-snapshots.ts'
import { fillMarks, readTemplate, type Template, type TemplateTimes } from '#bench/growth/template.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { withSession } from '#platform/postgres/pool.ts'
import { storedName } from '#platform/read-models/collection-names.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import type { View } from '#platform/read-models/projection.ts'
import type { Document } from '#platform/read-models/read-models.ts'
import { rebuildView } from '#platform/read-models/rebuild.ts'
import { openViewProgress } from '#platform/read-models/view-progress.ts'
import { SUBGRAPHS, type SubgraphName } from '#platform/subgraph/names.ts'
import { startEmbeddedPostgres } from '#start/embedded-postgres.ts'
import * as inventory from '#subgraphs/inventory/queries/views.ts'
import * as orders from '#subgraphs/orders/queries/views.ts'
import * as payment from '#subgraphs/payment/queries/views.ts'
import * as shipping from '#subgraphs/shipping/queries/views.ts'

/** All views of the services: one that is left out would be filled from the whole log at the next start. */
const VIEWS: Readonly<Record<SubgraphName, readonly View<Document>[]>> = {
  orders: [orders.ordersView, orders.customersView, orders.totalsView],
  inventory: [
    inventory.productsView,
    inventory.contentsView,
    inventory.familiesView,
    inventory.reservationsView,
    inventory.totalsView,
    inventory.categoriesView,
    inventory.warehousesView,
  ],
  payment: [payment.paymentsView, payment.totalsView, payment.movementsView, payment.movementTotalsView],
  shipping: [shipping.shipmentsView],
}
/** Views that are not written in bulk: each has one document for all orders, or for all orders of a product. */
const REBUILT = new Set(['order_totals', 'products', 'inventory_totals', 'payment_totals'])

export type ShopUrls = Readonly<Record<SubgraphName | 'bus', string>>

/** One service's part of the template orders. */
type ServiceTemplate = Template & {
  readonly after: number
  readonly times: TemplateTimes
  readonly documents: readonly { readonly view: View<Document>; readonly all: readonly TemplateDocument[] }[]
}

export type ShopTemplate = Readonly<Record<SubgraphName, ServiceTemplate>>

/** Returns the position of the newest event in each service's log. */
export async function headsOf(urls: ShopUrls): Promise<Readonly<Record<SubgraphName, number>>> {
  return eachService(async name => {
    const text = 'SELECT coalesce(max(position), 0)::float8 AS head FROM event_store.events'
    return (
      (await withSession(urls[name], session => session.query<{ head: number }>(text))).rows[0]?.head ?? 0
    )
  })
}

/** Reads the orders that were completed since the logs stood at `after`, as templates. */
export async function readShopTemplate(
  urls: ShopUrls,
  after: Readonly<Record<SubgraphName, number>>,
  times: TemplateTimes,
): Promise<ShopTemplate> {
  return eachService(async name => {
    const bounds = { after: after[name], times }
    const template = await withSession(urls[name], session => readTemplate(session, bounds))
    await using readModels = await openReadModels(urls[name])
    const documents = []
    for (const view of VIEWS[name]) {
      if (REBUILT.has(view.collection.name)) continue
      documents.push({ view, all: await templateDocuments(readModels, view, bounds) })
    }
    return { ...template, ...bounds, documents }
  })
}

/** How many events a second go into the views that are rebuilt, by view. */
type RebuildRates = Readonly<Record<string, number>>

/** Starts the database of the stopped instance in `dataDir`, writes the copies, and rebuilds what has to be. */
export async function growShop(
  dataDir: string,
  template: ShopTemplate,
  copies: Copies,
): Promise<{ readonly rebuildRates: RebuildRates; readonly bytes: Readonly<Record<string, number>> }> {
  await using postgres = await startEmbeddedPostgres({
    directory: path.join(dataDir, 'postgres'),
    log: () => {},
  })
  const urls = await databaseUrls(postgres.database)
  await eachService(name => copyService(urls[name], template[name], copies))
  const heads = await headsOf(urls)
  await withSession(urls.bus, session => skipOnBus(session, heads))
  const rebuildRates: Record<string, number> = {}
  for (const name of SUBGRAPHS) Object.assign(rebuildRates, await rebuildTotals(urls[name], name))
  const bytes: Record<string, number> = {}
  for (const [name, url] of Object.entries(urls)) {
    await withSession(url, session => session.query('VACUUM ANALYZE'))
    for (const [table, size] of await tableSizes(url)) bytes[`${name} ${table}`] = size
  }
  await withSession(urls.orders, session => session.query('CHECKPOINT'))
  return { rebuildRates, bytes }
}

async function databaseUrls(database: (name: string) => Promise<string>): Promise<ShopUrls> {
  return { ...(await eachService(name => database(`waybill_${name}`))), bus: await database('waybill_bus') }
}

async function copyService(url: string, template: ServiceTemplate, copies: Copies): Promise<void> {
  const placement = await withSession(url, session => copyHistories(session, template, copies))
  await using readModels = await openReadModels(url)
  await using store = await openPostgresEventStore({ url })
  await saveStockSnapshots(store, placement.shared, copies.to - copies.from)
  const progress = await openViewProgress(readModels)
  for (const { view, all } of template.documents) {
    await copyDocuments(readModels, view, all, { ...copies, ...placement, after: template.after })
    await progress.save([storedName(view.collection)], await store.head())
    const copy = Math.floor((copies.from + copies.to) / 2)
    const after = placement.base + (copy - copies.from) * placement.size
    await checkCopy(store, view, await readModels.collection(view.collection), {
      after,
      upTo: after + placement.size,
      ids: all.map(({ id }) => fillMarks(id, copy)),
    })
  }
}

/** Rebuilds the views of totals, which count the copies then, and that of customers, whose events are few among others. */
async function rebuildTotals(url: string, name: SubgraphName): Promise<RebuildRates> {
  await using readModels = await openReadModels(url)
  await using store = await openPostgresEventStore({ url })
  const rates: Record<string, number> = {}
  for (const view of VIEWS[name]) {
    if (!REBUILT.has(view.collection.name) && view.collection.name !== 'customers') continue
    const began = performance.now()
    await rebuildView(store, readModels, view)
    rates[view.collection.name] = (await store.head()) / ((performance.now() - began) / 1000)
  }
  return rates
}

async function tableSizes(url: string): Promise<readonly (readonly [string, number])[]> {
  const { rows } = await withSession(url, session =>
    session.query<{ name: string; size: number }>(
      `SELECT schemaname || '.' || relname AS name, pg_total_relation_size(relid)::float8 AS size FROM pg_stat_user_tables`,
    ),
  )
  return rows.map(({ name, size }) => [name, size] as const)
}

export async function eachService<Result>(
  work: (name: SubgraphName) => Promise<Result>,
): Promise<Record<SubgraphName, Result>> {
  const [ofOrders, ofInventory, ofPayment, ofShipping] = await Promise.all([
    work('orders'),
    work('inventory'),
    work('payment'),
    work('shipping'),
  ])
  return { orders: ofOrders, inventory: ofInventory, payment: ofPayment, shipping: ofShipping }
}
