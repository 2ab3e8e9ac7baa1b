// Tests that the read models agree with the aggregates after any history.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import type { View } from '#platform/read-models/projection.ts'
import type { Document } from '#platform/read-models/read-models.ts'
import { unshipped } from '#subgraphs/inventory/domain/holds.ts'
import { available, isLow, noStock, type StockEvent } from '#subgraphs/inventory/domain/stock.ts'
import {
  categoriesView,
  contentsView,
  productsView,
  type ReservedUnits,
  reservationsView,
  TOTALS_ID,
  totalsView,
  warehousesView,
} from '#subgraphs/inventory/queries/views.ts'
import { type History, run, SKUS, steps, sum } from '../domain/random-histories.ts'
import { CUSTOMER, committed, facts, holding, holdsOn, LATER, ORDER } from '../domain/stock-fixture.ts'

function recorded({ id, event }: { id: string; event: StockEvent }, index: number): RecordedEvent {
  return {
    position: index + 1,
    stream: `stock-${id}`,
    version: index + 1,
    id: String(index),
    type: event.type,
    schema: 1,
    data: event.data,
    meta: {},
    recordedAt: '2026-01-31T12:00:00.000Z',
  }
}

/** The documents of a view after a history. */
function projected<Doc extends Document>(
  view: View<Doc>,
  events: readonly RecordedEvent[],
): Map<string, Doc> {
  const docs = new Map<string, Doc>()
  for (const event of events)
    for (const { id, update } of view.project(event)) {
      const doc = update(docs.get(id))
      if (doc) docs.set(id, doc)
      else docs.delete(id)
    }
  return docs
}

function ofHistory<Doc extends Document>(view: View<Doc>, { log }: History): Map<string, Doc> {
  return projected(view, log.map(recorded))
}

describe('after any history', () => {
  it('a product shows the stock of its aggregate', () => {
    const property = fc.property(steps, steps => {
      const history = run(steps)
      const docs = ofHistory(productsView, history)
      for (const sku of SKUS) {
        const stock = history.stocks.get(sku) ?? noStock
        const doc = docs.get(sku)
        expect(doc).toMatchObject({
          available: available(stock),
          low: isLow(stock),
          inStock: available(stock) > 0,
        })
        for (const { warehouse, onHand, held } of doc?.stock ?? [])
          expect({ onHand, held }).toEqual({
            onHand: stock.onHand[warehouse] ?? 0,
            held: stock.held[warehouse] ?? 0,
          })
      }
    })
    fc.assert(property, { numRuns: 100 })
  })

  it('a product is not written when no units move', () => {
    const events = [{ type: 'ProductAdded', data: { ...facts, sku: 'a' } } as const, holding('a', 2)]
    const before = projected(
      productsView,
      events.map((event, index) => recorded({ id: 'a', event }, index)),
    ).get('a')
    const [change] = productsView.project(recorded({ id: 'a', event: committed('a') }, 2))
    expect(before).toMatchObject({ sku: 'a' })
    expect(change?.update(before)).toBe(before)
  })

  it('the open reservations are the holds of the aggregates', () => {
    const property = fc.property(steps, steps => {
      const history = run(steps)
      const docs = ofHistory(reservationsView, history)
      const waiting = [...docs.values()].flatMap(doc =>
        doc.allocations.filter(isWaiting).map(u => key(doc.orderId, u)),
      )
      const holds = [...history.stocks].flatMap(([sku, stock]) =>
        holdsOn(stock).flatMap(([orderId, hold]) => {
          const status = hold.committed ? ('COMMITTED' as const) : ('HELD' as const)
          return unshipped(hold).map(units => key(orderId, { ...units, sku, status, shipped: 0 }))
        }),
      )
      expect(waiting.sort()).toEqual(holds.sort())
    })
    fc.assert(property, { numRuns: 100 })
  })

  it('the totals are the sums over all products', () => {
    const property = fc.property(steps, steps => {
      const history = run(steps)
      const totals = ofHistory(totalsView, history).get(TOTALS_ID)
      const stocks = [...history.stocks.values()]
      expect(totals?.products).toBe(SKUS.length)
      expect(totals?.onHand).toBe(sum(stocks.flatMap(stock => Object.values(stock.onHand))))
      expect(totals?.held).toBe(sum(stocks.flatMap(stock => Object.values(stock.held))))
      if (!totals) return
      expect(totals.onHand).toBe(totals.received - totals.shipped + totals.restocked)
      expect(totals.held).toBe(totals.reserved - totals.released - totals.shipped)
    })
    fc.assert(property, { numRuns: 100 })
  })
})

function isWaiting({ status }: ReservedUnits): boolean {
  return status === 'HELD' || status === 'COMMITTED'
}

function key(orderId: string, { sku, warehouse, quantity, shipped, status }: ReservedUnits): string {
  return `${orderId} ${sku} ${warehouse} ${quantity - shipped} ${status}`
}

describe('a reservation', () => {
  const shipped: StockEvent = {
    type: 'StockShipped',
    data: { sku: 'a', orderId: ORDER, customerId: CUSTOMER, warehouse: 'BER-1', quantity: 2 },
  }
  const ended = (type: 'ReservationReleased' | 'ReservationExpired', quantity: number): StockEvent => ({
    type,
    data: { sku: 'a', orderId: ORDER, customerId: CUSTOMER, allocations: [{ warehouse: 'BER-1', quantity }] },
  })
  const after = (...events: StockEvent[]) =>
    projected(
      reservationsView,
      events.map((event, index) => recorded({ id: 'a', event }, index)),
    ).get(ORDER)

  it('goes from held to committed to shipped', () => {
    const all = [holding('a', 2), committed('a'), shipped]
    expect([1, 2, 3].map(count => after(...all.slice(0, count)))).toMatchObject([
      { status: 'HELD', heldUntil: LATER },
      { status: 'COMMITTED' },
      { status: 'SHIPPED' },
    ])
    expect([2, 3].map(count => 'heldUntil' in (after(...all.slice(0, count)) ?? {}))).toEqual([false, false])
    expect(after(...all)).toMatchObject({
      customerId: CUSTOMER,
      expiresAt: LATER,
      allocations: [{ sku: 'a', warehouse: 'BER-1', quantity: 2, shipped: 2 }],
    })
  })

  it('ends as released or as expired', () => {
    expect(after(holding('a', 2), ended('ReservationReleased', 2))?.status).toBe('RELEASED')
    expect(after(holding('a', 2), ended('ReservationExpired', 2))?.status).toBe('EXPIRED')
  })

  it('counts as shipped when the rest of it was released', () => {
    const doc = after(holding('a', 2), holding('b', 1), committed('a'), shipped, {
      type: 'ReservationReleased',
      data: {
        sku: 'b',
        orderId: ORDER,
        customerId: CUSTOMER,
        allocations: [{ warehouse: 'BER-1', quantity: 1 }],
      },
    })
    expect(doc?.status).toBe('SHIPPED')
  })
})

it('a product is found by title, SKU and category, and sorted without regard to case and accents', () => {
  const event: StockEvent = { type: 'ProductAdded', data: { ...facts, title: 'Élan Chair', sku: 'X-1' } }
  const doc = projected(productsView, [recorded({ id: 'X-1', event }, 0)]).get('X-1')
  expect(doc?.sortTitle).toBe('elan chair')
  expect(doc && productsView.collection.terms?.(doc)).toEqual(['Élan Chair', 'X-1', 'Furniture'])
})

it('a product of 0.2.0 was added when its event was recorded, and stands for itself in lists', () => {
  const event: StockEvent = { type: 'ProductAdded', data: { ...facts, sku: 'X-1' } }
  const doc = projected(productsView, [recorded({ id: 'X-1', event }, 0)]).get('X-1')
  expect(doc).toMatchObject({ addedAt: '2026-01-31T12:00:00.000Z', leads: true, sortPrice: 199.99 })
  expect(projected(contentsView, [recorded({ id: 'X-1', event }, 0)]).size).toBe(0)
})

it('categories and warehouses are listed once each', () => {
  const history = run([])
  expect([...ofHistory(categoriesView, history).keys()]).toEqual(['Furniture'])
  expect([...ofHistory(warehousesView, history).keys()]).toEqual(['AMS-1', 'BER-1'])
})

it('an event type of a later build is skipped', () => {
  const later = { ...recorded({ id: 'a', event: committed('a') }, 0), type: 'StockTeleported' }
  for (const view of [productsView, reservationsView, totalsView, categoriesView, warehousesView])
    expect(view.project(later)).toEqual([])
})
