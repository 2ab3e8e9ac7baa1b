// Random histories of a few SKUs and orders: every command, in any order, as the deciders accept it.
import fc from 'fast-check'
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
  addProduct,
  adjustStock,
  evolve,
  noStock,
  type Stock,
  type StockEvent,
} from '#subgraphs/inventory/domain/stock.ts'
import { CUSTOMER, facts } from './given.ts'

export const SKUS = ['a', 'b', 'c']
const sku = fc.constantFrom(...SKUS)
const warehouse = fc.constantFrom('AMS-1', 'BER-1')
const orderId = fc.constantFrom('o1', 'o2', 'o3', 'o4')
const quantity = fc.integer({ min: 1, max: 12 })
export const lines = fc.array(fc.record({ sku, quantity }), { minLength: 1, maxLength: 4 })
export const at = fc.integer({ min: 0, max: 99 }).map(second => new Date(second * 1000).toISOString())

export type Step = (stocks: Stocks) => readonly { id: string; event: StockEvent }[]
function accepted<E>(decision: { accepted: readonly E[] } | { refused: unknown }): readonly E[] {
  return 'accepted' in decision ? decision.accepted : []
}

export const step: fc.Arbitrary<Step> = fc.oneof(
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

export type Recorded = { readonly id: string; readonly event: StockEvent; readonly after: Stock }
export type History = { readonly log: readonly Recorded[]; readonly stocks: ReadonlyMap<string, Stock> }

/** Each SKU is added with 9 units in either warehouse, then the steps are taken. The log is in order over all SKUs. */
export function run(steps: readonly Step[]): History {
  const stocks = new Map<string, Stock>()
  const log: Recorded[] = []
  for (const decide of [...SKUS.map(adding), ...steps])
    for (const { id, event } of decide(stocks)) {
      const after = evolve(stocks.get(id) ?? noStock, event)
      stocks.set(id, after)
      log.push({ id, event, after })
    }
  return { log, stocks }
}

function adding(sku: string): Step {
  const units = ['AMS-1', 'BER-1'].map(warehouse => ({ warehouse, quantity: 9 }))
  return () => accepted(addProduct(noStock, { sku, facts, units })).map(event => ({ id: sku, event }))
}

/** The events of one SKU, in order. */
export function eventsOf({ log }: History, sku: string): StockEvent[] {
  return log.filter(({ id }) => id === sku).map(({ event }) => event)
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
