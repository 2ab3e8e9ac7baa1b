// Calculates what a customer gets back for an order from what was paid, what was lost and what was returned.
//
// The price of an order has two parts. Its goods are worth the lines less the discounts, spread over the lines in
// proportion to their prices by the largest remainder. All else that was paid (the shipping fee and surcharges) is the
// charges, spread over the parcels by weight. A lost parcel gives back what its goods are worth and its part of the
// charges. Returned goods give back what they are worth, and nothing of the charges.
//
// Units of a line are numbered, so the worth of a set of units is the sum over its units. What is lost or back is such a
// set, and it only grows: hence the sum never falls, does not depend on the order of losses and returns, and comes to
// all that was paid for the goods once all of them are lost or back.
import { apportion, type Money } from '#platform/domain/money.ts'
import type { OrderedLine, SkuQuantity, UnitRange } from '#subgraphs/orders/domain/events.ts'
import { unitsBySku } from '#subgraphs/orders/domain/order.ts'

export type SoldLine = Pick<OrderedLine, 'sku' | 'quantity' | 'unitPrice'>

type SentParcel = {
  readonly id: string
  readonly units: readonly UnitRange[]
  /** Its part of the charges, in minor units. */
  readonly charges: number
  /** The minor units that were billed for the parcel and not captured. They reduce what is given back for it. */
  readonly unpaid: number
}

export type Sale = {
  readonly lines: readonly SoldLine[]
  /** The value of all goods of the order, in minor units: see `goodsTotal`. */
  readonly goods: number
  /** The parcels that ship. */
  readonly parcels: readonly SentParcel[]
}

/** The ids of lost parcels, and the units that came back in all returns together. */
type LossesAndReturns = { readonly lost: ReadonlySet<string>; readonly returned: readonly SkuQuantity[] }

/** Returns the price of an order's goods in minor units: the lines less all discounts, and never more than the total. */
export function goodsTotal(order: {
  readonly itemsTotal: Money
  readonly adjustments: readonly { readonly amount: Money }[]
  readonly total: Money
}): number {
  const discounts = order.adjustments.reduce((sum, { amount }) => sum + Math.min(amount.minor, 0), 0)
  return Math.min(Math.max(order.itemsTotal.minor + discounts, 0), order.total.minor)
}

/**
 * Hands out the units of `lines` to parcels with these contents, in order and line by line, so that lines of one SKU at
 * two prices are each sent once. Units beyond what was ordered are in no range.
 */
export function packUnits(
  lines: readonly SoldLine[],
  contents: readonly (readonly SkuQuantity[])[],
): UnitRange[][] {
  const packed = lines.map(() => 0)
  return contents.map(parcel =>
    parcel.flatMap(({ sku, quantity }) => {
      let open = quantity
      return lines.flatMap((line, index) => {
        const from = packed[index] ?? 0
        const units = line.sku === sku ? Math.min(open, line.quantity - from) : 0
        packed[index] = from + units
        open -= units
        return units > 0 ? [{ lineNo: index + 1, from, to: from + units }] : []
      })
    }),
  )
}

/** Returns a function that values a range of units, in minor units, when all `lines` together are worth `goods`. */
export function valuer({ lines, goods }: Pick<Sale, 'lines' | 'goods'>): (range: UnitRange) => number {
  const worth = apportion(
    goods,
    lines.map(({ quantity, unitPrice }) => quantity * unitPrice.minor),
  )
  return ({ lineNo, from, to }) => {
    const of = BigInt(worth[lineNo - 1] ?? 0)
    const quantity = BigInt(lines[lineNo - 1]?.quantity ?? 1)
    return Number((of * BigInt(to)) / quantity - (of * BigInt(from)) / quantity)
  }
}

/** Returns the total refund in minor units, from 0 to what was paid. It never falls as more units are lost or returned. */
export function moneyBack(sale: Sale, { lost, returned }: LossesAndReturns): number {
  const worthOf = valuer(sale)
  const back = returnedUnits(sale, { lost, returned })
  return sale.parcels.reduce((sum, { id, units, charges, unpaid }) => {
    const value = lost.has(id) ? charges + sumOf(units, worthOf) : sumOf(back.get(id) ?? [], worthOf)
    return sum + Math.max(value - unpaid, 0)
  }, 0)
}

/**
 * Returns the units of each parcel that count as returned. Units of one SKU look alike, so the cheapest that are not lost go
 * back first, and before them those of parcels that are not paid for.
 */
function returnedUnits(
  { lines, parcels }: Sale,
  { lost, returned }: LossesAndReturns,
): ReadonlyMap<string, UnitRange[]> {
  const open = unitsBySku(returned)
  const price = ({ lineNo }: UnitRange) => lines[lineNo - 1]?.unitPrice.minor ?? 0
  const sent = parcels
    .filter(({ id }) => !lost.has(id))
    .flatMap(({ id, units, unpaid }) => units.map(range => ({ id, range, isPaid: unpaid === 0 })))
    .sort(
      (one, other) =>
        Number(one.isPaid) - Number(other.isPaid) ||
        price(one.range) - price(other.range) ||
        one.range.lineNo - other.range.lineNo ||
        one.range.from - other.range.from,
    )
  const back = sent.map(({ id, range }) => {
    const sku = lines[range.lineNo - 1]?.sku ?? ''
    const units = Math.min(open.get(sku) ?? 0, range.to - range.from)
    open.set(sku, (open.get(sku) ?? 0) - units)
    return { id, range: { ...range, to: range.from + units } }
  })
  const byParcel = Map.groupBy(back, ({ id }) => id)
  return new Map([...byParcel].map(([id, ranges]) => [id, ranges.map(({ range }) => range)]))
}

function sumOf(ranges: readonly UnitRange[], worthOf: (range: UnitRange) => number): number {
  return ranges.reduce((sum, range) => sum + worthOf(range), 0)
}
