// Counts the units that the orders of the last seconds requested, by SKU: how fast stock may be used up at the moment.
import { unitsBySku } from '#subgraphs/orders/domain/order.ts'

export type RecentDemand = {
  /** Adds an order, and returns the units of its SKUs that orders of this process requested lately, its own included. */
  add(lines: readonly { readonly sku: string; readonly quantity: number }[]): ReadonlyMap<string, number>
}

/** An order counts for this time at least, and for twice as long at most. */
const PERIOD_MS = 2_000

export function createRecentDemand(now: () => Date): RecentDemand {
  let ends = 0
  let before = new Map<string, number>()
  let current = new Map<string, number>()
  function turn(at: number): void {
    if (at < ends) return
    const isNext = at < ends + PERIOD_MS
    before = isNext ? current : new Map()
    current = new Map()
    ends = (isNext ? ends : at) + PERIOD_MS
  }
  return {
    add(lines) {
      turn(now().getTime())
      const added = [...unitsBySku(lines)].map(([sku, units]): [string, number] => {
        const total = (current.get(sku) ?? 0) + units
        current.set(sku, total)
        return [sku, total + (before.get(sku) ?? 0)]
      })
      return new Map(added)
    },
  }
}
