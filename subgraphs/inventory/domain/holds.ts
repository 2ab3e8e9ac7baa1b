// Keeps the holds on one SKU by order, in a plain JSON map whose copies cost little even when it is large.

/** Units of one SKU in one warehouse. */
export type Units = { readonly warehouse: string; readonly quantity: number }
type HeldUnits = Units & { readonly shipped: number }
/** The units that one order holds. */
export type Hold = {
  readonly customerId: string
  readonly expiresAt: string
  readonly committed: boolean
  readonly allocations: readonly HeldUnits[]
}

/**
 * Maps orders to holds, in shards by the random end of the order's id: changing one hold copies one shard and the
 * list of shards, some hundred entries, where a flat map of a busy SKU would copy thousands. Empty shards are left out.
 */
export type Holds = Readonly<Record<string, Readonly<Record<string, Hold>>>>

export const noHolds: Holds = {}

function shardOf(orderId: string): string {
  return orderId.slice(-2)
}

export function findHold(holds: Holds, orderId: string): Hold | undefined {
  return holds[shardOf(orderId)]?.[orderId]
}

export function putHold(holds: Holds, orderId: string, hold: Hold): Holds {
  const shard = shardOf(orderId)
  return { ...holds, [shard]: { ...holds[shard], [orderId]: hold } }
}

export function dropHold(holds: Holds, orderId: string): Holds {
  const shard = shardOf(orderId)
  const { [orderId]: dropped, ...others } = holds[shard] ?? {}
  if (!dropped) return holds
  if (Object.keys(others).length > 0) return { ...holds, [shard]: others }
  const { [shard]: _empty, ...rest } = holds
  return rest
}

/** Returns the units of a hold that are still in the warehouses. */
export function unshipped(hold: Hold): Units[] {
  return hold.allocations
    .filter(units => units.quantity > units.shipped)
    .map(({ warehouse, quantity, shipped }) => ({ warehouse, quantity: quantity - shipped }))
}

/** True when the hold is past its end: others may take its units from then on, even before a sweep. */
export function isDue(hold: Hold, at: string): boolean {
  return !hold.committed && hold.expiresAt <= at
}

/** Returns the due holds with their orders. Every reservation calls this, so it makes no intermediate lists. */
export function dueHolds(holds: Holds, at: string): [string, Hold][] {
  const due: [string, Hold][] = []
  for (const name in holds) {
    const shard = holds[name]
    for (const orderId in shard) {
      const hold = shard[orderId]
      if (hold && isDue(hold, at)) due.push([orderId, hold])
    }
  }
  return due
}

/** Customers whose last hold of the SKU to end did so without an approved payment, the latest last. */
export type Lapses = Readonly<Record<string, true>>

export const noLapses: Lapses = {}

/** Beyond this number the oldest lapses are dropped. */
const MAX_LAPSES = 1_000

export function addLapse(lapsed: Lapses, customerId: string): Lapses {
  const others = Object.keys(dropLapse(lapsed, customerId)).slice(1 - MAX_LAPSES)
  return Object.fromEntries([...others, customerId].map(id => [id, true]))
}

export function dropLapse(lapsed: Lapses, customerId: string): Lapses {
  if (!lapsed[customerId]) return lapsed // as of most who buy: a copy has up to a thousand entries
  const { [customerId]: _dropped, ...others } = lapsed
  return others
}

/**
 * Limits the units of a SKU that one customer may hold for orders without an approved payment, after the first: whoever holds
 * nothing, and did not let its last hold lapse, may buy all that is there in one order.
 */
export type HoldQuota = {
  /** Units that may be held in any case. */
  readonly units: number
  /** The share of all units on hand, from 0 to 1, that may be held where that is more. */
  readonly share: number
  /** The number of orders that may hold units at a time. */
  readonly orders: number
}

export const UNLIMITED_HOLDS: HoldQuota = {
  units: Number.POSITIVE_INFINITY,
  share: 1,
  orders: Number.POSITIVE_INFINITY,
}

/** Returns how many more of the `onHand` units the customer may hold without an approved payment; `pending` are its open holds. */
export function allowance(
  { pending: holds, lapsed }: { readonly pending: Holds; readonly lapsed: Lapses },
  { customerId, onHand, quota }: { customerId: string; onHand: number; quota: HoldQuota },
): number {
  let orders = 0
  let units = 0
  for (const name in holds) {
    const shard = holds[name]
    for (const orderId in shard) {
      const hold = shard[orderId]
      if (hold?.customerId !== customerId) continue
      orders += 1
      for (const { quantity } of hold.allocations) units += quantity
    }
  }
  if (orders === 0 && !lapsed[customerId]) return Number.POSITIVE_INFINITY
  if (orders >= quota.orders) return 0
  return Math.max(0, Math.max(quota.units, Math.floor(quota.share * onHand)) - units)
}
