// Tests the read models of inventory on a real database: live, and rebuilt from the log.
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { newId } from '#platform/domain/ids.ts'
import type { EventStore } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { createRepository } from '#platform/event-store/repository.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import type { View } from '#platform/read-models/projection.ts'
import type { Document } from '#platform/read-models/read-models.ts'
import { type Projections, startProjections } from '#platform/read-models/run-projections.ts'
import { startExpirySweep, sweepExpired } from '#subgraphs/inventory/commands/expiry-sweep.ts'
import type { StockRepository } from '#subgraphs/inventory/domain/aggregate.ts'
import { stockAggregate } from '#subgraphs/inventory/domain/aggregate.ts'
import type { ProductFacts } from '#subgraphs/inventory/domain/product.ts'
import { commit, reserve, ship } from '#subgraphs/inventory/domain/reservation.ts'
import { addProduct } from '#subgraphs/inventory/domain/stock.ts'
import {
  categoriesView,
  productsView,
  reservationsView,
  TOTALS_ID,
  totalsView,
  warehousesView,
} from '#subgraphs/inventory/queries/views.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { AT, CUSTOMER, facts, LATER, ORDER, OTHER } from '../domain/stock-fixture.ts'

const open = new AsyncDisposableStack()
let store: EventStore
let stocks: StockRepository
let projections: Projections

beforeAll(async () => {
  const url = await freshDatabase()
  store = open.use(await openPostgresEventStore({ url }))
  const readModels = open.use(await openReadModels(url))
  const views = [productsView, reservationsView, totalsView, categoriesView, warehousesView]
  projections = open.use(
    await startProjections({ store, readModels, views: views as unknown as View<Document>[] }),
  )
  stocks = createRepository(store, stockAggregate)
  await add('a', { ...facts, title: 'Élan chair' })
  await add('b', { ...facts, title: 'elan desk', lowStockThreshold: 100 })
  await add('c', { ...facts, title: 'Anvil', category: null })
  await take(ORDER, LATER)
  await stocks.handleMany(['a', 'b'], { key: 'commit', body: 1 }, held =>
    commit(held, { orderId: ORDER, at: AT }),
  )
  await stocks.handleMany(['a'], { key: 'ship', body: 1 }, held =>
    ship(held, { orderId: ORDER, warehouse: 'BER-1', lines: [{ sku: 'a', quantity: 2 }] }),
  )
  await take(OTHER, LATER)
  await caughtUp()
})

afterAll(() => open.disposeAsync())

async function add(sku: string, product: ProductFacts): Promise<void> {
  const units = [{ warehouse: 'BER-1', quantity: 10 }]
  await stocks.handle(sku, { key: `add:${sku}`, body: 1 }, stock =>
    addProduct(stock, { sku, facts: product, units, at: AT }),
  )
}

async function take(orderId: string, expiresAt: string): Promise<void> {
  const lines = ['a', 'b'].map(sku => ({ sku, quantity: 2 }))
  await stocks.handleMany(['a', 'b'], { key: `reserve:${orderId}`, body: 1 }, held =>
    reserve(held, { orderId, customerId: CUSTOMER, lines, expiresAt, at: AT }),
  )
}

async function caughtUp(): Promise<void> {
  expect(await projections.reached(await store.head(), 5000)).toBe(true)
}

async function documents<Doc extends Document>(view: View<Doc>): Promise<unknown> {
  return (await projections.collection(view).find({ limit: 100 })).items.map(({ id, doc }) => [id, doc])
}

it('a search finds products by the beginnings of words, in alphabetical order', async () => {
  const find = async (text: string) => {
    const where = [{ matching: text }]
    const page = await projections
      .collection(productsView)
      .find({ where, orderBy: { path: 'sortTitle' }, limit: 10 })
    return page.items.map(({ id }) => id)
  }
  expect(await find('elan')).toEqual(['a', 'b'])
  expect(await find('des furn')).toEqual(['b'])
  expect(await find('ANV')).toEqual(['c'])
})

it('the list of low stock holds the products at or below their threshold', async () => {
  const low = await projections
    .collection(productsView)
    .find({ where: [{ path: 'low', equals: true }], limit: 10 })
  expect(low.items.map(({ id }) => id)).toEqual(['b'])
})

it('a rebuild gives the same documents as the live view', async () => {
  const rebuilt = async <Doc extends Document>(view: View<Doc>) => {
    const live = await documents(view)
    expect(await projections.rebuild(view)).toBeGreaterThan(0)
    expect(await documents(view)).toEqual(live)
  }
  await rebuilt(productsView)
  await rebuilt(reservationsView)
  await rebuilt(totalsView)
  await rebuilt(categoriesView)
  await rebuilt(warehousesView)
})

it('concurrent sweeps expire each due hold once', async () => {
  const reservations = projections.collection(reservationsView)
  const sweep = (now: Date) => sweepExpired({ stocks, reservations, now: () => now })
  expect(await sweep(new Date(AT))).toBe(LATER)
  const before = await store.head()
  const past = new Date('2026-01-31T13:00:00.001Z')
  await Promise.all([sweep(past), sweep(past)])
  expect((await store.head()) - before).toBe(2) // one event for each SKU that the order held
  await caughtUp()
  expect(await reservations.get(OTHER)).toMatchObject({ status: 'EXPIRED' })
  expect(await reservations.get(ORDER)).toMatchObject({ status: 'COMMITTED' })
  expect(await projections.collection(totalsView).get(TOTALS_ID)).toMatchObject({ held: 2, released: 4 })
})

it('a sweep wakes for the next hold that ends, long before its interval', async () => {
  const reservations = projections.collection(reservationsView)
  const [first, second] = [newId('order'), newId('order')]
  await take(first, new Date(Date.now() + 1000).toISOString())
  await take(second, new Date(Date.now() + 2500).toISOString())
  await caughtUp()
  const errors: unknown[] = []
  await using _ = startExpirySweep(
    { stocks, reservations, now: () => new Date() },
    { everyMs: 3_600_000, onError: error => errors.push(error) },
  )
  for (const id of [first, second])
    await vi.waitFor(async () => expect(await reservations.get(id)).toMatchObject({ status: 'EXPIRED' }), {
      timeout: 10_000,
      interval: 50,
    })
  expect(errors).toEqual([])
})
