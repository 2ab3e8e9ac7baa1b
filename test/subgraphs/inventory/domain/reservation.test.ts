// Tests the commands on the stocks of an order by given/when/then.
import { describe, expect, it } from 'vitest'
import {
  allocationsOf,
  commit,
  expire,
  release,
  reserve,
  restock,
  type Stocks,
  ship,
} from '#subgraphs/inventory/domain/reservation.ts'
import { evolve, noStock, type Stock, type StockEvent } from '#subgraphs/inventory/domain/stock.ts'
import { AT, BEFORE, CUSTOMER, committed, holding, LATER, ORDER, OTHER, stockWith } from './stock-fixture.ts'

const command = (...lines: [string, number][]) => ({
  orderId: ORDER,
  customerId: CUSTOMER,
  lines: lines.map(([sku, quantity]) => ({ sku, quantity })),
  expiresAt: LATER,
  at: AT,
})

function stocks(given: Record<string, Stock>): Stocks {
  return new Map(Object.entries(given))
}

function given(units: Record<string, Record<string, number>>): Stocks {
  return new Map(Object.entries(units).map(([sku, by]) => [sku, stockWith(sku, by)]))
}

/** Returns `stocks` with the accepted changes applied. */
function after(
  stocks: Stocks,
  changes: readonly { readonly id: string; readonly event: StockEvent }[],
): Stocks {
  const result = new Map(stocks)
  for (const { id, event } of changes) result.set(id, evolve(result.get(id) ?? noStock, event))
  return result
}

/** Returns the allocations of an order over `lines`, as `sku@warehouse: quantity`. */
function allocated(from: Stocks, ...lines: [string, number][]): Record<string, number> {
  const decided = reserve(from, command(...lines))
  if ('refused' in decided) throw new Error(decided.refused.message)
  const allocations = allocationsOf(after(from, decided.accepted), ORDER)
  return Object.fromEntries(allocations.map(a => [`${a.sku}@${a.warehouse}`, a.quantity]))
}

describe('the quota of open holds', () => {
  const quota = { units: 3, share: 0.5, orders: 2 }
  const ask = (quantity: number, orderId = ORDER, customerId = CUSTOMER) => ({
    ...command(['a', quantity]),
    orderId,
    customerId,
    quota,
  })
  const then = (from: Stocks, ...asked: ReturnType<typeof ask>[]) =>
    asked.reduce((now, one) => {
      const decided = reserve(now, one)
      if ('refused' in decided) throw new Error(decided.refused.message)
      return after(now, decided.accepted)
    }, from)

  const ending = (from: Stocks, decided: ReturnType<typeof commit>) => {
    if ('refused' in decided) throw new Error(decided.refused.message)
    return after(from, decided.accepted)
  }
  const all = given({ a: { 'BER-1': 25 } })
  const lapsed = ending(then(all, ask(25)), release(then(all, ask(25)), { orderId: ORDER }))

  it('lets a customer who holds nothing buy all that is there in one order', () => {
    expect(reserve(all, ask(25))).toHaveProperty('accepted')
  })

  it('lets one customer hold only a part of the stock after its first order, and names the quota in the refusal', () => {
    const from = then(all, ask(10))
    expect(reserve(from, ask(3, OTHER))).toEqual({
      refused: {
        code: 'INSUFFICIENT_STOCK',
        message:
          'Until the payment of an order is approved, only a part of the stock can be held: a (2 of 3) can be held now.',
        shortages: [{ sku: 'a', requested: 3, available: 2 }],
      },
    })
    expect(reserve(from, ask(2, OTHER))).toHaveProperty('accepted')
    expect(reserve(from, ask(12, OTHER, 'somebody else'))).toHaveProperty('accepted')
  })

  it('limits a customer whose hold has lapsed until one of its payments is approved', () => {
    expect(reserve(lapsed, ask(13, OTHER))).toMatchObject({ refused: { code: 'INSUFFICIENT_STOCK' } })
    expect(reserve(lapsed, ask(12, OTHER))).toHaveProperty('accepted')
    expect(reserve(lapsed, ask(25, OTHER, 'somebody else'))).toHaveProperty('accepted')
    const held = then(lapsed, ask(1, OTHER))
    const paid = ending(held, commit(held, { orderId: OTHER, at: AT }))
    expect(reserve(paid, ask(24, 'a third'))).toHaveProperty('accepted')
  })

  it('counts a hold that is past its end as a lapse', () => {
    const held = then(all, ask(25))
    expect(reserve(held, { ...ask(13, OTHER), at: LATER })).toMatchObject({
      refused: { shortages: [{ sku: 'a', requested: 13, available: 12 }] },
    })
  })

  it('does not count a committed hold as a lapse', () => {
    const held = then(all, ask(25))
    const paid = ending(held, commit(held, { orderId: ORDER, at: AT }))
    const released = ending(paid, release(paid, { orderId: ORDER }))
    expect(reserve(released, ask(25, OTHER))).toHaveProperty('accepted')
  })

  it('lets a customer hold a few units whatever their share of the stock', () => {
    const few = given({ a: { 'BER-1': 4 } })
    expect(reserve(then(few, ask(1)), ask(2, OTHER))).toHaveProperty('accepted')
    expect(reserve(then(few, ask(1)), ask(3, OTHER))).toHaveProperty('refused')
  })

  it('counts orders as well as units', () => {
    const from = then(all, ask(1), ask(1, OTHER))
    expect(reserve(from, ask(1, 'a third'))).toMatchObject({ refused: { code: 'INSUFFICIENT_STOCK' } })
  })

  it('distinguishes lines that are short of stock from lines beyond the quota', () => {
    const from = then(given({ a: { 'BER-1': 25 }, b: { 'BER-1': 1 } }), ask(1))
    const both = { ...command(['a', 20], ['b', 2]), orderId: OTHER, quota }
    expect(reserve(from, both)).toMatchObject({
      refused: { message: expect.stringMatching(/^There is not enough stock of b .*: a \(11 of 20\)/) },
    })
  })
})

describe('reserving', () => {
  it('holds every line in one event per SKU', () => {
    const decided = reserve(given({ a: { 'BER-1': 5 }, b: { 'BER-1': 5 } }), command(['a', 2], ['b', 3]))
    expect(decided).toEqual({
      accepted: [
        { id: 'a', event: holding('a', 2) },
        { id: 'b', event: holding('b', 3) },
      ],
    })
  })

  it('prefers one warehouse that can serve the whole order to better stocked ones', () => {
    const from = given({ a: { 'AMS-1': 90, 'MUC-1': 5 }, b: { 'MUC-1': 5, 'ZRH-1': 90 } })
    expect(allocated(from, ['a', 5], ['b', 5])).toEqual({ 'a@MUC-1': 5, 'b@MUC-1': 5 })
  })

  it('uses few warehouses when no single one can serve the order', () => {
    const from = given({ a: { 'AMS-1': 2, 'BER-1': 3, 'MUC-1': 8 } })
    expect(allocated(from, ['a', 10])).toEqual({ 'a@AMS-1': 2, 'a@MUC-1': 8 })
  })

  it('breaks ties by warehouse code, however the lines are ordered', () => {
    const from = given({ a: { 'ZRH-1': 5, 'AMS-1': 5 }, b: { 'ZRH-1': 5, 'AMS-1': 5 } })
    const expected = { 'a@AMS-1': 1, 'b@AMS-1': 1 }
    expect(allocated(from, ['a', 1], ['b', 1])).toEqual(expected)
    expect(allocated(from, ['b', 1], ['a', 1])).toEqual(expected)
  })

  it('merges two lines of a SKU into one quantity', () => {
    const from = given({ a: { 'BER-1': 5 } })
    expect(allocated(from, ['a', 2], ['a', 3])).toEqual({ 'a@BER-1': 5 })
    expect(reserve(from, command(['a', 3], ['a', 3]))).toMatchObject({
      refused: { code: 'INSUFFICIENT_STOCK', shortages: [{ sku: 'a', requested: 6, available: 5 }] },
    })
  })

  it('lists every line that is short, and holds none', () => {
    const from = given({ a: { 'BER-1': 1 }, b: { 'BER-1': 9 }, c: {} })
    expect(reserve(from, command(['a', 2], ['b', 2], ['c', 1]))).toMatchObject({
      refused: {
        code: 'INSUFFICIENT_STOCK',
        shortages: [
          { sku: 'a', requested: 2, available: 1 },
          { sku: 'c', requested: 1, available: 0 },
        ],
      },
    })
  })

  it('is refused for an unknown SKU', () => {
    const from = stocks({ a: stockWith('a', { 'BER-1': 1 }), ghost: noStock })
    expect(reserve(from, command(['a', 1], ['ghost', 1]))).toMatchObject({
      refused: { code: 'PRODUCT_NOT_FOUND', sku: 'ghost' },
    })
  })

  it('takes what another order held past its end, and ends that hold first', () => {
    const from = stocks({ a: stockWith('a', { 'BER-1': 5 }, holding('a', 5, BEFORE, OTHER)) })
    expect(reserve(from, command(['a', 5]))).toMatchObject({
      accepted: [
        { event: { type: 'ReservationExpired', data: { orderId: OTHER } } },
        { event: { type: 'StockReserved', data: { orderId: ORDER } } },
      ],
    })
  })

  it('never takes what another order still holds, or holds firmly past its end', () => {
    const live = stocks({ a: stockWith('a', { 'BER-1': 5 }, holding('a', 5, LATER, OTHER)) })
    const firm = stocks({
      a: stockWith('a', { 'BER-1': 5 }, holding('a', 5, BEFORE, OTHER), committed('a', OTHER)),
    })
    for (const from of [live, firm])
      expect(reserve(from, command(['a', 1]))).toMatchObject({ refused: { code: 'INSUFFICIENT_STOCK' } })
  })

  it('keeps the order’s holds when it is repeated, and is refused for other lines', () => {
    const from = stocks({ a: stockWith('a', { 'BER-1': 5 }, holding('a', 3)) })
    expect(reserve(from, command(['a', 3]))).toEqual({ accepted: [] })
    expect(reserve(from, command(['a', 2]))).toMatchObject({ refused: { code: 'RESERVATION_EXISTS' } })
  })

  it('signals low stock for the SKU that it sells out', () => {
    expect(reserve(given({ a: { 'BER-1': 5 } }), command(['a', 5]))).toMatchObject({
      accepted: [{ event: { type: 'StockReserved' } }, { event: { type: 'LowStockReached' } }],
    })
  })
})

describe('committing', () => {
  it('makes every hold firm, and is a success when repeated', () => {
    const from = stocks({
      a: stockWith('a', { 'BER-1': 5 }, holding('a', 3)),
      b: stockWith('b', { 'BER-1': 5 }, holding('b', 1), committed('b')),
    })
    expect(commit(from, { orderId: ORDER, at: AT })).toEqual({
      accepted: [{ id: 'a', event: committed('a') }],
    })
  })

  it('is refused past the end of the hold, whether others hold its units or not', () => {
    const past = stockWith('a', { 'BER-1': 5 }, holding('a', 3, AT))
    for (const a of [past, stockWith('a', { 'BER-1': 5 })])
      expect(commit(stocks({ a }), { orderId: ORDER, at: AT })).toMatchObject({
        refused: { code: 'RESERVATION_EXPIRED' },
      })
  })

  it('is refused as a whole when the hold on one SKU is gone', () => {
    const from = stocks({
      a: stockWith('a', { 'BER-1': 5 }, holding('a', 3)),
      b: stockWith('b', { 'BER-1': 5 }),
    })
    expect(commit(from, { orderId: ORDER, at: AT })).toMatchObject({
      refused: { code: 'RESERVATION_EXPIRED' },
    })
  })

  it('succeeds past the end when the hold was committed before it', () => {
    const from = stocks({ a: stockWith('a', { 'BER-1': 5 }, holding('a', 3, BEFORE), committed('a')) })
    expect(commit(from, { orderId: ORDER, at: AT })).toEqual({ accepted: [] })
  })
})

describe('releasing and expiring', () => {
  const partly = stockWith('a', { 'BER-1': 5 }, holding('a', 3), committed('a'), {
    type: 'StockShipped',
    data: { sku: 'a', orderId: ORDER, customerId: CUSTOMER, warehouse: 'BER-1', quantity: 1 },
  })

  it('gives back what is held and not shipped', () => {
    expect(release(stocks({ a: partly }), { orderId: ORDER })).toMatchObject({
      accepted: [
        {
          event: {
            type: 'ReservationReleased',
            data: { allocations: [{ warehouse: 'BER-1', quantity: 2 }] },
          },
        },
      ],
    })
  })

  it('is a success when nothing is held', () => {
    expect(release(stocks({ a: noStock }), { orderId: ORDER })).toEqual({ accepted: [] })
  })

  it('expires due holds, and keeps those that are not due or are firm', () => {
    const due = stockWith('a', { 'BER-1': 5 }, holding('a', 3, BEFORE))
    const notDue = stockWith('b', { 'BER-1': 5 }, holding('b', 3, LATER))
    const firm = stockWith('c', { 'BER-1': 5 }, holding('c', 3, BEFORE), committed('c'))
    expect(expire(stocks({ a: due, b: notDue, c: firm }), { orderId: ORDER, at: AT })).toMatchObject({
      accepted: [{ id: 'a', event: { type: 'ReservationExpired', data: { orderId: ORDER } } }],
    })
  })
})

describe('shipping and restocking', () => {
  const firm = stocks({ a: stockWith('a', { 'BER-1': 5 }, holding('a', 3), committed('a')) })
  const shipment = (warehouse: string, quantity: number) => ({
    orderId: ORDER,
    warehouse,
    lines: [{ sku: 'a', quantity }],
  })

  it('ships what the order holds in that warehouse, and no more', () => {
    expect(ship(firm, shipment('BER-1', 3))).toMatchObject({
      accepted: [{ id: 'a', event: { type: 'StockShipped', data: { warehouse: 'BER-1', quantity: 3 } } }],
    })
    expect(ship(firm, shipment('BER-1', 4))).toMatchObject({ refused: { code: 'STOCK_NOT_HELD' } })
    expect(ship(firm, shipment('MUC-1', 1))).toMatchObject({ refused: { code: 'STOCK_NOT_HELD' } })
  })

  it('ships nothing that is not committed', () => {
    const loose = stocks({ a: stockWith('a', { 'BER-1': 5 }, holding('a', 3)) })
    expect(ship(loose, shipment('BER-1', 1))).toMatchObject({
      refused: { code: 'RESERVATION_NOT_COMMITTED' },
    })
  })

  it('takes back what was shipped, and no more', () => {
    const out = stocks({
      a: stockWith('a', { 'BER-1': 5 }, holding('a', 3), committed('a'), {
        type: 'StockShipped',
        data: { sku: 'a', orderId: ORDER, customerId: CUSTOMER, warehouse: 'BER-1', quantity: 3 },
      }),
    })
    const back = (quantity: number, from: [string, string][] = []) => ({
      orderId: ORDER,
      lines: [{ sku: 'a', quantity }],
      shippedFrom: new Map(from),
    })
    const to = (warehouse: string) => ({
      accepted: [{ event: { type: 'StockRestocked', data: { warehouse, quantity: 3 } } }],
    })
    expect(restock(out, back(3))).toMatchObject(to('BER-1'))
    expect(restock(out, back(3, [['a', 'MUC-1']]))).toMatchObject(to('MUC-1'))
    expect(restock(out, back(4))).toMatchObject({ refused: { code: 'RESTOCK_EXCEEDS_SHIPPED' } })
    expect(restock(stocks({ a: noStock }), back(1))).toMatchObject({ refused: { code: 'PRODUCT_NOT_FOUND' } })
  })
})
