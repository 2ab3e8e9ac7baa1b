// Decides commands on the stocks of an order, all or nothing: reserve, commit, release, expire, ship, restock.
import { accept, type Decision, type Refusal, refuse } from '#platform/domain/decision.ts'
import {
  type Allocation,
  allocate,
  compare,
  type Line,
  mergeLines,
} from '#subgraphs/inventory/domain/allocation.ts'
import {
  allowance,
  type Hold,
  type HoldQuota,
  isDue,
  UNLIMITED_HOLDS,
} from '#subgraphs/inventory/domain/holds.ts'
import { type ProductNotFound, productNotFound } from '#subgraphs/inventory/domain/product.ts'
import {
  available,
  ended,
  evolveAll,
  expiries,
  holdOf,
  noStock,
  type Stock,
  type StockEvent,
  signalled,
} from '#subgraphs/inventory/domain/stock.ts'

/** The stocks of all SKUs that a command names, by SKU. */
export type Stocks = ReadonlyMap<string, Stock>
type Change = { readonly id: string; readonly event: StockEvent }

type Shortage = { readonly sku: string; readonly requested: number; readonly available: number }
export type ReserveRefusal =
  | ProductNotFound
  | { readonly code: 'INSUFFICIENT_STOCK'; readonly message: string; readonly shortages: readonly Shortage[] }
  | { readonly code: 'RESERVATION_EXISTS'; readonly message: string }
type ReservationRefusal = Refusal & {
  readonly code:
    | 'RESERVATION_EXPIRED'
    | 'RESERVATION_NOT_COMMITTED'
    | 'STOCK_NOT_HELD'
    | 'RESTOCK_EXCEEDS_SHIPPED'
}

type Reserve = {
  readonly orderId: string
  readonly customerId: string
  readonly lines: readonly Line[]
  readonly expiresAt: string
  readonly at: string
  /** Bounds the customer's open holds; they are not bounded when it is left out. */
  readonly quota?: HoldQuota
}

/**
 * Holds every line or none, and lists every line that falls short. Holds of others that are past their end expire
 * first. An order that already holds exactly these lines keeps what it has. A customer who holds units without an
 * approved payment, or let its last hold lapse, finds no more available than its quota allows.
 */
export function reserve(stocks: Stocks, command: Reserve): Decision<Change, ReserveRefusal> {
  const lines = mergeLines(command.lines)
  const unknown = lines.find(({ sku }) => !stocks.get(sku)?.product)
  if (unknown) return refuse(productNotFound(unknown.sku))
  const expired = new Map(lines.map(({ sku }) => [sku, expiries(sku, stockOf(stocks, sku), command.at)]))
  const current = new Map(
    lines.map(({ sku }) => [sku, evolveAll(stockOf(stocks, sku), expired.get(sku) ?? [])]),
  )
  const held = lines.filter(({ sku }) => holdOf(stockOf(current, sku), command.orderId))
  if (held.length > 0) return alreadyHeld(current, lines, command.orderId)
  const shortages = shortagesOf(lines, current, command)
  if (shortages.length > 0) return refuse(insufficient(shortages))
  const allocations = allocate(lines, current)
  return accept(
    ...lines.flatMap(({ sku }) => {
      const events = [...(expired.get(sku) ?? []), reservedEvent(command, sku, allocations)]
      return changes(sku, signalled(sku, stockOf(stocks, sku), events))
    }),
  )
}

/** Returns the units that an order holds, sorted by SKU, then warehouse. */
export function allocationsOf(stocks: Stocks, orderId: string): Allocation[] {
  return holdsOf(stocks, orderId)
    .flatMap(({ sku, hold }) =>
      hold.allocations.map(({ warehouse, quantity }) => ({ sku, warehouse, quantity })),
    )
    .sort((a, b) => compare(a.sku, b.sku) || compare(a.warehouse, b.warehouse))
}

function reservedEvent(command: Reserve, sku: string, allocations: readonly Allocation[]): StockEvent {
  const { orderId, customerId, expiresAt } = command
  const units = allocations
    .filter(allocation => allocation.sku === sku)
    .map(({ warehouse, quantity }) => ({ warehouse, quantity }))
  return { type: 'StockReserved', data: { sku, orderId, customerId, allocations: units, expiresAt } }
}

function alreadyHeld(
  stocks: Stocks,
  lines: readonly Line[],
  orderId: string,
): Decision<Change, ReserveRefusal> {
  const same = lines.every(({ sku, quantity }) => {
    const hold = holdOf(stockOf(stocks, sku), orderId)
    return hold?.allocations.reduce((sum, units) => sum + units.quantity, 0) === quantity
  })
  if (same) return accept()
  return refuse({ code: 'RESERVATION_EXISTS', message: `Order ${orderId} already holds other lines.` })
}

type QuotaShortage = Shortage & { readonly byQuota: boolean }

function shortagesOf(
  lines: readonly Line[],
  stocks: Stocks,
  { customerId, quota = UNLIMITED_HOLDS }: Pick<Reserve, 'customerId' | 'quota'>,
): QuotaShortage[] {
  return lines
    .map(({ sku, quantity }) => {
      const stock = stockOf(stocks, sku)
      const free = available(stock)
      const onHand = Object.values(stock.onHand).reduce((sum, units) => sum + units, 0)
      const allowed = allowance(stock, { customerId, onHand, quota })
      return { sku, requested: quantity, available: Math.min(free, allowed), byQuota: allowed < free }
    })
    .filter(line => line.available < line.requested)
}

function insufficient(short: readonly QuotaShortage[]): ReserveRefusal {
  const listed = (lines: readonly QuotaShortage[]) =>
    lines.map(({ sku, requested, available }) => `${sku} (${available} of ${requested})`).join(', ')
  const byStock = short.filter(({ byQuota }) => !byQuota)
  const byQuota = short.filter(line => line.byQuota)
  const sentences = [
    byStock.length > 0 && `There is not enough stock of ${listed(byStock)}.`,
    byQuota.length > 0 &&
      `Until the payment of an order is approved, only a part of the stock can be held: ${listed(byQuota)} can be held now.`,
  ]
  return {
    code: 'INSUFFICIENT_STOCK',
    message: sentences.filter(Boolean).join(' '),
    shortages: short.map(({ byQuota: _byQuota, ...shortage }) => shortage),
  }
}

/** Makes the order's holds firm; refused when one of them is gone or past its end. A repeat is a success. */
export function commit(
  stocks: Stocks,
  { orderId, at }: { orderId: string; at: string },
): Decision<Change, ReservationRefusal> {
  const lost = [...stocks].find(([, stock]) => {
    const hold = holdOf(stock, orderId)
    return !hold || isDue(hold, at)
  })
  if (lost)
    return refuse({
      code: 'RESERVATION_EXPIRED',
      message: `The stock of ${lost[0]} is no longer held for order ${orderId}.`,
    })
  return accept(
    ...holdsOf(stocks, orderId)
      .filter(({ hold }) => !hold.committed)
      .map(
        ({ sku, hold }): Change => ({
          id: sku,
          event: { type: 'ReservationCommitted', data: { sku, orderId, customerId: hold.customerId } },
        }),
      ),
  )
}

/** Gives back all that is held and not shipped; a success when nothing is. */
export function release(stocks: Stocks, { orderId }: { orderId: string }): Decision<Change, never> {
  return accept(
    ...holdsOf(stocks, orderId).map(({ sku, hold }) => ({
      id: sku,
      event: ended('ReservationReleased', { sku, orderId, hold }),
    })),
  )
}

/** Ends the order's holds that are due at `at`; a success when none is, such as when they were committed meanwhile. */
export function expire(
  stocks: Stocks,
  { orderId, at }: { orderId: string; at: string },
): Decision<Change, never> {
  return accept(
    ...holdsOf(stocks, orderId)
      .filter(({ hold }) => isDue(hold, at))
      .map(({ sku, hold }) => ({ id: sku, event: ended('ReservationExpired', { sku, orderId, hold }) })),
  )
}

/** Ships units from a warehouse: only those that the order holds firmly there. */
export function ship(
  stocks: Stocks,
  { orderId, warehouse, lines }: { orderId: string; warehouse: string; lines: readonly Line[] },
): Decision<Change, ReservationRefusal> {
  const merged = mergeLines(lines)
  for (const line of merged) {
    const refusal = cannotShip(holdOf(stockOf(stocks, line.sku), orderId), { ...line, orderId, warehouse })
    if (refusal) return refuse(refusal)
  }
  return accept(
    ...merged.map(({ sku, quantity }): Change => {
      const customerId = holdOf(stockOf(stocks, sku), orderId)?.customerId ?? ''
      return {
        id: sku,
        event: { type: 'StockShipped', data: { sku, orderId, customerId, warehouse, quantity } },
      }
    }),
  )
}

function cannotShip(
  hold: Hold | undefined,
  { sku, quantity, orderId, warehouse }: Line & { orderId: string; warehouse: string },
): ReservationRefusal | undefined {
  const units = hold?.allocations.find(allocation => allocation.warehouse === warehouse)
  const held = units ? units.quantity - units.shipped : 0
  if (held < quantity)
    return {
      code: 'STOCK_NOT_HELD',
      message: `Order ${orderId} holds ${held} units of ${sku} in ${warehouse}, not ${quantity}.`,
    }
  if (!hold?.committed)
    return {
      code: 'RESERVATION_NOT_COMMITTED',
      message: `The stock held for order ${orderId} is not committed.`,
    }
  return undefined
}

/**
 * Restocks returned goods in the warehouse that `shippedFrom` names for their SKU, or else in the first that has ever
 * had any; never more than was shipped and not yet restocked.
 */
export function restock(
  stocks: Stocks,
  command: { orderId: string; lines: readonly Line[]; shippedFrom: ReadonlyMap<string, string> },
): Decision<Change, ProductNotFound | ReservationRefusal> {
  const { orderId, shippedFrom } = command
  const lines = mergeLines(command.lines)
  for (const { sku, quantity } of lines) {
    const stock = stockOf(stocks, sku)
    if (!stock.product) return refuse(productNotFound(sku))
    if (quantity > stock.returnable)
      return refuse({
        code: 'RESTOCK_EXCEEDS_SHIPPED',
        message: `${quantity} units of ${sku} cannot come back: ${stock.returnable} are out.`,
      })
  }
  return accept(
    ...lines.map(({ sku, quantity }): Change => {
      const [first = ''] = Object.keys(stockOf(stocks, sku).onHand).sort(compare)
      const warehouse = shippedFrom.get(sku) ?? first
      return { id: sku, event: { type: 'StockRestocked', data: { sku, orderId, warehouse, quantity } } }
    }),
  )
}

/** True when any of `stocks` still holds units for the order. */
export function isHeld(stocks: Stocks, orderId: string): boolean {
  return holdsOf(stocks, orderId).length > 0
}

function holdsOf(stocks: Stocks, orderId: string): { sku: string; hold: Hold }[] {
  return [...stocks].flatMap(([sku, stock]) => {
    const hold = holdOf(stock, orderId)
    return hold ? [{ sku, hold }] : []
  })
}

function stockOf(stocks: Stocks, sku: string): Stock {
  return stocks.get(sku) ?? noStock
}

function changes(sku: string, events: readonly StockEvent[]): Change[] {
  return events.map(event => ({ id: sku, event }))
}
