// Whatever is asked of the stock, in whatever order: the sums hold.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  commit,
  expire,
  release,
  reserve,
  restock,
  type Stocks,
  ship,
} from '#subgraphs/inventory/domain/reservation.ts'
import {
  adjustStock,
  available,
  evolve,
  evolveAll,
  noStock,
  type Stock,
  type StockEvent,
  unshipped,
} from '#subgraphs/inventory/domain/stock.ts'
import { CUSTOMER, stockWith } from './given.ts'

const SKUS = ['a', 'b', 'c']
const sku = fc.constantFrom(...SKUS)
const warehouse = fc.constantFrom('AMS-1', 'BER-1')
const orderId = fc.constantFrom('o1', 'o2', 'o3', 'o4')
const quantity = fc.integer({ min: 1, max: 12 })
const lines = fc.array(fc.record({ sku, quantity }), { minLength: 1, maxLength: 4 })
const at = fc.integer({ min: 0, max: 99 }).map(second => new Date(second * 1000).toISOString())

type Step = (stocks: Stocks) => readonly { id: string; event: StockEvent }[]
function accepted<E>(decision: { accepted: readonly E[] } | { refused: unknown }): readonly E[] {
  return 'accepted' in decision ? decision.accepted : []
}

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ orderId, lines, expiresAt: at, at }).map(
    (command): Step =>
      stocks =>
        accepted(reserve(stocks, { ...command, customerId: CUSTOMER })),
  ),
  fc.record({ orderId, at }).map(
    (command): Step =>
      stocks =>
        accepted(commit(holding(stocks, command.orderId), command)),
  ),
  fc.record({ orderId }).map(
    (command): Step =>
      stocks =>
        accepted(release(stocks, command)),
  ),
  fc.record({ orderId, at }).map(
    (command): Step =>
      stocks =>
        accepted(expire(stocks, command)),
  ),
  fc.record({ orderId, warehouse, lines }).map(
    (command): Step =>
      stocks =>
        accepted(ship(stocks, command)),
  ),
  fc.record({ orderId, warehouse, lines }).map(
    ({ orderId, warehouse, lines }): Step =>
      stocks =>
        accepted(restock(stocks, { orderId, lines: lines.map(line => ({ ...line, warehouse })) })),
  ),
  fc.record({ sku, warehouse, quantity: fc.integer({ min: -30, max: 30 }).filter(n => n !== 0), at }).map(
    (command): Step =>
      stocks =>
        accepted(adjustStock(stocks.get(command.sku) ?? noStock, { ...command, reason: 'x' })).map(event => ({
          id: command.sku,
          event,
        })),
  ),
)

/** The stocks of the SKUs that the order holds, as its saga would name them. */
function holding(stocks: Stocks, orderId: string): Stocks {
  return new Map([...stocks].filter(([, stock]) => stock.holds[orderId]))
}

function run(steps: readonly Step[]): { stocks: Map<string, Stock>; history: Map<string, StockEvent[]> } {
  const stocks = new Map(SKUS.map(sku => [sku, stockWith(sku, { 'AMS-1': 9, 'BER-1': 9 })]))
  const history = new Map<string, StockEvent[]>(SKUS.map(sku => [sku, []]))
  for (const decide of steps)
    for (const { id, event } of decide(stocks)) {
      stocks.set(id, evolve(stocks.get(id) ?? noStock, event))
      history.get(id)?.push(event)
      expectSound(stocks.get(id) ?? noStock, history.get(id) ?? [])
    }
  return { stocks, history }
}

function expectSound(stock: Stock, history: readonly StockEvent[]): void {
  const onHand = sum(Object.values(stock.onHand))
  const held = sum(Object.values(stock.holds).flatMap(hold => unshipped(hold).map(u => u.quantity)))
  expect(available(stock)).toBe(onHand - held)
  for (const warehouse of Object.keys(stock.onHand)) {
    expect(stock.held[warehouse] ?? 0).toBeGreaterThanOrEqual(0)
    expect(stock.onHand[warehouse] ?? 0).toBeGreaterThanOrEqual(stock.held[warehouse] ?? 0)
  }
  expect(onHand).toBe(
    18 + moved(history, 'StockReceived', 'StockCorrected', 'StockRestocked') - moved(history, 'StockShipped'),
  )
  expect(stock.returnable).toBe(moved(history, 'StockShipped') - moved(history, 'StockRestocked'))
  expect(stock.returnable).toBeGreaterThanOrEqual(0)
}

function moved(history: readonly StockEvent[], ...types: StockEvent['type'][]): number {
  return sum(
    history.map(event => (types.includes(event.type) && 'quantity' in event.data ? event.data.quantity : 0)),
  )
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

it('stock is never negative nor oversold, and available is what is on hand less what is held', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => void run(steps)),
    { numRuns: 300 },
  )
})

it('replaying a history, from the start or from a snapshot of any point, gives the same state', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.nat(60), (steps, cut) => {
      const { stocks, history } = run(steps)
      for (const sku of SKUS) {
        const events = history.get(sku) ?? []
        const start = stockWith(sku, { 'AMS-1': 9, 'BER-1': 9 })
        const snapshot: Stock = JSON.parse(JSON.stringify(evolveAll(start, events.slice(0, cut))))
        expect(evolveAll(snapshot, events.slice(cut))).toEqual(stocks.get(sku))
      }
    }),
    { numRuns: 100 },
  )
})

it('a reservation holds every line in full or changes nothing', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), lines, at, (steps, lines, at) => {
      const { stocks } = run(steps)
      const decided = reserve(stocks, { orderId: 'new', customerId: CUSTOMER, lines, expiresAt: at, at })
      if ('refused' in decided) {
        expect(decided.refused.code).toBe('INSUFFICIENT_STOCK')
        return
      }
      for (const { sku } of lines) {
        const wanted = sum(lines.filter(line => line.sku === sku).map(line => line.quantity))
        const events = decided.accepted.filter(({ id }) => id === sku).map(({ event }) => event)
        const hold = evolveAll(stocks.get(sku) ?? noStock, events).holds.new
        expect(sum((hold?.allocations ?? []).map(units => units.quantity))).toBe(wanted)
      }
    }),
    { numRuns: 300 },
  )
})
