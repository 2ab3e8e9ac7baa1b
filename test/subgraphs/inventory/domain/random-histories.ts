// Generates random histories of a few SKUs and orders: every command, in any order, as the deciders accept it.
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
  holdOf,
  noStock,
  type Stock,
  type StockEvent,
} from '#subgraphs/inventory/domain/stock.ts'
import { AT, CUSTOMER, facts } from './stock-fixture.ts'

export const SKUS = ['a', 'b']
const sku = fc.constantFrom(...SKUS)
const warehouse = fc.constantFrom('AMS-1', 'BER-1')
const orderId = fc.constantFrom('o1', 'o2', 'o3')
const quantity = fc.integer({ min: 1, max: 6 })
export const lines = fc.array(fc.record({ sku, quantity }), { minLength: 1, maxLength: 3 })
export const at = fc.integer({ min: 0, max: 99 }).map(second => new Date(second * 1000).toISOString())

type Step = (stocks: Stocks) => readonly { id: string; event: StockEvent }[]
function accepted<E>(decision: { accepted: readonly E[] } | { refused: unknown }): readonly E[] {
  return 'accepted' in decision ? decision.accepted : []
}

/** A step that applies `decide` to a random command. */
function stepOf<C>(
  command: fc.Arbitrary<C>,
  decide: (command: C, stocks: Stocks) => ReturnType<Step>,
): fc.Arbitrary<Step> {
  return command.map(command => (stocks: Stocks) => decide(command, stocks))
}

const reserving = stepOf(fc.record({ orderId, lines, expiresAt: at, at }), (command, stocks) =>
  accepted(reserve(stocks, { ...command, customerId: CUSTOMER })),
)
const committing = stepOf(fc.record({ orderId, at }), (command, stocks) =>
  accepted(commit(heldBy(command.orderId, stocks), command)),
)
const releasing = stepOf(fc.record({ orderId }), (command, stocks) => accepted(release(stocks, command)))
const expiring = stepOf(fc.record({ orderId, at }), (command, stocks) => accepted(expire(stocks, command)))
const shipping = stepOf(
  fc.record({ orderId, warehouse, sku, quantity }),
  ({ sku, quantity, ...command }, stocks) =>
    accepted(ship(stocks, { ...command, lines: [{ sku, quantity }] })),
)
const restocking = stepOf(
  fc.record({ orderId, warehouse, sku, quantity }),
  ({ orderId, sku, quantity, warehouse }, stocks) =>
    accepted(
      restock(stocks, { orderId, lines: [{ sku, quantity }], shippedFrom: new Map([[sku, warehouse]]) }),
    ),
)
const adjusting = stepOf(
  fc.record({ sku, warehouse, quantity: fc.integer({ min: -15, max: 15 }).filter(n => n !== 0), at }),
  (command, stocks) =>
    accepted(adjustStock(stocks.get(command.sku) ?? noStock, { ...command, reason: 'count' })).map(event => ({
      id: command.sku,
      event,
    })),
)

const step = fc.oneof(
  { arbitrary: reserving, weight: 6 },
  { arbitrary: committing, weight: 5 },
  { arbitrary: shipping, weight: 8 },
  { arbitrary: restocking, weight: 3 },
  { arbitrary: releasing, weight: 1 },
  { arbitrary: expiring, weight: 1 },
  { arbitrary: adjusting, weight: 2 },
)
export const steps = fc.array(step, { maxLength: 60, size: 'max' })

/** The stocks of the SKUs that the order holds, as its saga would name them. */
function heldBy(orderId: string, stocks: Stocks): Stocks {
  return new Map([...stocks].filter(([, stock]) => holdOf(stock, orderId)))
}

type Recorded = { readonly id: string; readonly event: StockEvent; readonly after: Stock }
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
  return () => accepted(addProduct(noStock, { sku, facts, units, at: AT })).map(event => ({ id: sku, event }))
}

/** The events of one SKU, in order. */
export function eventsOf({ log }: History, sku: string): StockEvent[] {
  return log.filter(({ id }) => id === sku).map(({ event }) => event)
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
