// Allocates the lines of an order to warehouses: a greedy choice that uses few of them.
import { availableIn, type Stock } from '#subgraphs/inventory/domain/stock.ts'

export type Line = { readonly sku: string; readonly quantity: number }
export type Allocation = { readonly sku: string; readonly warehouse: string; readonly quantity: number }

/** Returns one line per SKU, sorted by SKU, so that the result does not depend on how an order's lines are split. */
export function mergeLines(lines: readonly Line[]): Line[] {
  const sums = new Map<string, number>()
  for (const { sku, quantity } of lines) sums.set(sku, (sums.get(sku) ?? 0) + quantity)
  return [...sums].sort(([a], [b]) => compare(a, b)).map(([sku, quantity]) => ({ sku, quantity }))
}

/**
 * Takes the warehouse that serves the most units still missing, then the next, until all lines are served; the
 * warehouse code breaks ties. One that can serve the whole order is therefore taken alone. The lines must be merged
 * and the stock must suffice. Sorted by SKU, then warehouse.
 */
export function allocate(lines: readonly Line[], stocks: ReadonlyMap<string, Stock>): Allocation[] {
  const missing = new Map(lines.map(({ sku, quantity }) => [sku, quantity]))
  const candidates = new Set(warehousesOf(lines, stocks))
  const allocations: Allocation[] = []
  while (candidates.size > 0 && [...missing.values()].some(quantity => quantity > 0)) {
    const [best, served] = mostServing(candidates, missing, stocks)
    candidates.delete(best)
    for (const allocation of served) {
      allocations.push(allocation)
      missing.set(allocation.sku, (missing.get(allocation.sku) ?? 0) - allocation.quantity)
    }
  }
  return allocations.sort((a, b) => compare(a.sku, b.sku) || compare(a.warehouse, b.warehouse))
}

function warehousesOf(lines: readonly Line[], stocks: ReadonlyMap<string, Stock>): string[] {
  const codes = lines.flatMap(({ sku }) => Object.keys(stocks.get(sku)?.onHand ?? {}))
  return [...new Set(codes)].sort(compare)
}

function mostServing(
  candidates: ReadonlySet<string>,
  missing: ReadonlyMap<string, number>,
  stocks: ReadonlyMap<string, Stock>,
): [string, Allocation[]] {
  let best: [string, Allocation[]] = ['', []]
  let most = -1
  for (const warehouse of candidates) {
    const served = servedBy(warehouse, missing, stocks)
    const units = served.reduce((sum, { quantity }) => sum + quantity, 0)
    if (units > most) {
      best = [warehouse, served]
      most = units
    }
  }
  return best
}

function servedBy(
  warehouse: string,
  missing: ReadonlyMap<string, number>,
  stocks: ReadonlyMap<string, Stock>,
): Allocation[] {
  const served: Allocation[] = []
  for (const [sku, wanted] of missing) {
    const stock = stocks.get(sku)
    const quantity = stock ? Math.min(wanted, availableIn(stock, warehouse)) : 0
    if (quantity > 0) served.push({ sku, warehouse, quantity })
  }
  return served
}

/** Compares by code unit, which does not depend on the machine's locale. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
