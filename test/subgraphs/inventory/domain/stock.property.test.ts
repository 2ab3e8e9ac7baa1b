// Tests that the sums of a stock hold under random commands in any order.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { unshipped } from '#subgraphs/inventory/domain/holds.ts'
import { reserve } from '#subgraphs/inventory/domain/reservation.ts'
import {
  available,
  evolveAll,
  holdOf,
  noStock,
  type Stock,
  type StockEvent,
} from '#subgraphs/inventory/domain/stock.ts'
import { at, eventsOf, lines, run, SKUS, steps, sum } from './random-histories.ts'
import { CUSTOMER, holdsOn } from './stock-fixture.ts'

it('stock is never negative nor oversold, and available is what is on hand less what is held', () => {
  const property = fc.property(steps, steps => {
    for (const { after } of run(steps).log) expectSound(after)
  })
  fc.assert(property, { numRuns: 300 })
})

function expectSound(stock: Stock): void {
  const held = holdsOn(stock).flatMap(([, hold]) => unshipped(hold).map(units => units.quantity))
  expect(available(stock)).toBe(sum(Object.values(stock.onHand)) - sum(held))
  for (const warehouse of Object.keys(stock.onHand)) {
    expect(stock.held[warehouse] ?? 0).toBeGreaterThanOrEqual(0)
    expect(stock.onHand[warehouse] ?? 0).toBeGreaterThanOrEqual(stock.held[warehouse] ?? 0)
  }
  expect(stock.returnable).toBeGreaterThanOrEqual(0)
}

it('units on hand are those received and restocked, less those shipped', () => {
  const property = fc.property(steps, steps => {
    const history = run(steps)
    for (const sku of SKUS) {
      const events = eventsOf(history, sku)
      const stock = history.stocks.get(sku) ?? noStock
      const shipped = moved(events, 'StockShipped')
      const restocked = moved(events, 'StockRestocked')
      const received = moved(events, 'StockReceived', 'StockCorrected')
      expect(sum(Object.values(stock.onHand))).toBe(received - shipped + restocked)
      expect(stock.returnable).toBe(shipped - restocked)
    }
  })
  fc.assert(property, { numRuns: 100 })
})

function moved(events: readonly StockEvent[], ...types: StockEvent['type'][]): number {
  return sum(
    events.map(event => (types.includes(event.type) && 'quantity' in event.data ? event.data.quantity : 0)),
  )
}

it('replaying a history, from the start or from a snapshot of any point, gives the same state', () => {
  const property = fc.property(steps, fc.nat(60), (steps, cut) => {
    const history = run(steps)
    for (const sku of SKUS) {
      const events = eventsOf(history, sku)
      const snapshot: Stock = JSON.parse(JSON.stringify(evolveAll(noStock, events.slice(0, cut))))
      expect(evolveAll(snapshot, events.slice(cut))).toEqual(history.stocks.get(sku))
    }
  })
  fc.assert(property, { numRuns: 100 })
})

it('a reservation holds every line in full or changes nothing', () => {
  const property = fc.property(steps, lines, at, (steps, lines, at) => {
    const { stocks } = run(steps)
    const decided = reserve(stocks, { orderId: 'new', customerId: CUSTOMER, lines, expiresAt: at, at })
    if ('refused' in decided) {
      expect(decided.refused.code).toBe('INSUFFICIENT_STOCK')
      return
    }
    for (const { sku } of lines) {
      const wanted = sum(lines.filter(line => line.sku === sku).map(line => line.quantity))
      const events = decided.accepted.filter(({ id }) => id === sku).map(({ event }) => event)
      const hold = holdOf(evolveAll(stocks.get(sku) ?? noStock, events), 'new')
      expect(sum((hold?.allocations ?? []).map(units => units.quantity))).toBe(wanted)
    }
  })
  fc.assert(property, { numRuns: 300 })
})

it('the random histories contain every event that can follow a reservation', () => {
  const types = new Set(fc.sample(steps, 200).flatMap(steps => run(steps).log.map(({ event }) => event.type)))
  for (const type of ['ReservationCommitted', 'ReservationExpired', 'StockShipped', 'StockRestocked'])
    expect(types).toContain(type)
})
