// Tests the commands on one SKU by given/when/then.
import { describe, expect, it } from 'vitest'
import {
  addProduct,
  adjustStock,
  available,
  changePrice,
  evolveAll,
  noStock,
  setLowStockThreshold,
} from '#subgraphs/inventory/domain/stock.ts'
import { AT, BEFORE, committed, facts, holding, holdsOn, LATER, ORDER, stockWith } from './stock-fixture.ts'

const sku = 'oak'
const table = stockWith(sku, { 'BER-1': 10 })

describe('adding a product', () => {
  it('records the product facts, when it was added, and the initial stock', () => {
    const decided = addProduct(noStock, {
      sku,
      facts,
      units: [
        { warehouse: 'BER-1', quantity: 3 },
        { warehouse: 'MUC-1', quantity: 0 },
      ],
      at: AT,
    })
    expect(decided).toEqual({
      accepted: [
        { type: 'ProductAdded', data: { ...facts, sku, addedAt: AT } },
        {
          type: 'StockReceived',
          data: { sku, warehouse: 'BER-1', quantity: 3, reason: 'initial stock' },
        },
      ],
    })
  })

  it('is refused when the SKU exists', () => {
    const decided = addProduct(table, { sku, facts, units: [], at: AT })
    expect(decided).toMatchObject({ refused: { code: 'PRODUCT_EXISTS', sku } })
  })
})

describe('changing a product', () => {
  it('records a new price, and nothing when the price is the same', () => {
    const price = { minor: 100, currency: 'EUR' }
    expect(changePrice(table, { sku, price })).toEqual({
      accepted: [{ type: 'PriceChanged', data: { sku, price } }],
    })
    expect(changePrice(table, { sku, price: facts.price })).toEqual({ accepted: [] })
  })

  it('signals low stock when the threshold is raised to what is available', () => {
    expect(setLowStockThreshold(table, { sku, threshold: 10 })).toEqual({
      accepted: [
        { type: 'LowStockThresholdSet', data: { sku, threshold: 10 } },
        { type: 'LowStockReached', data: { sku, available: 10, threshold: 10 } },
      ],
    })
    expect(setLowStockThreshold(table, { sku, threshold: 0 })).toEqual({ accepted: [] })
  })

  it('is refused for an unknown SKU', () => {
    const refused = { refused: { code: 'PRODUCT_NOT_FOUND', sku } }
    expect(changePrice(noStock, { sku, price: facts.price })).toMatchObject(refused)
    expect(setLowStockThreshold(noStock, { sku, threshold: 1 })).toMatchObject(refused)
    expect(adjustStock(noStock, { sku, warehouse: 'BER-1', quantity: 1, reason: 'x', at: AT })).toMatchObject(
      refused,
    )
  })
})

describe('adjusting stock', () => {
  const adjust = (stock: typeof table, quantity: number, warehouse = 'BER-1') =>
    adjustStock(stock, { sku, warehouse, quantity, reason: 'count', at: AT })

  it('receives goods, into a new warehouse too', () => {
    expect(adjust(table, 5, 'MUC-1')).toEqual({
      accepted: [{ type: 'StockReceived', data: { sku, warehouse: 'MUC-1', quantity: 5, reason: 'count' } }],
    })
  })

  it('corrects down to zero and signals low stock', () => {
    expect(adjust(table, -10)).toMatchObject({
      accepted: [
        { type: 'StockCorrected', data: { quantity: -10 } },
        { type: 'LowStockReached', data: { available: 0, threshold: 0 } },
      ],
    })
  })

  it('is refused below what is reserved in that warehouse', () => {
    const held = stockWith(sku, { 'BER-1': 10, 'MUC-1': 50 }, holding(sku, 8))
    expect(adjust(held, -3)).toMatchObject({
      refused: { code: 'STOCK_BELOW_RESERVED', onHand: 10, reserved: 8 },
    })
    expect(adjust(held, -2)).toMatchObject({ accepted: [{ type: 'StockCorrected' }] })
    expect(adjust(held, -1, 'HAM-1')).toMatchObject({
      refused: { code: 'STOCK_BELOW_RESERVED', onHand: 0, reserved: 0 },
    })
  })

  it('may use the units of an expired hold, but never those of a committed one', () => {
    const expired = stockWith(sku, { 'BER-1': 10 }, holding(sku, 8, BEFORE))
    expect(adjust(expired, -5)).toMatchObject({
      accepted: [{ type: 'ReservationExpired' }, { type: 'StockCorrected' }],
    })
    const firm = stockWith(sku, { 'BER-1': 10 }, holding(sku, 8, BEFORE), committed(sku))
    expect(adjust(firm, -5)).toMatchObject({ refused: { code: 'STOCK_BELOW_RESERVED' } })
  })

  it('is refused beyond the plausible capacity of a warehouse', () => {
    const full = stockWith(sku, { 'BER-1': 100_000_000 })
    expect(adjust(full, 1)).toMatchObject({ refused: { code: 'STOCK_TOO_LARGE' } })
  })
})

describe('the state', () => {
  it('forgets a hold that has ended, so that a busy SKU stays small', () => {
    const ended = evolveAll(stockWith(sku, { 'BER-1': 10 }, holding(sku, 4), committed(sku)), [
      {
        type: 'StockShipped',
        data: {
          sku,
          orderId: ORDER,
          customerId: 'c',
          warehouse: 'BER-1',
          quantity: 4,
        },
      },
    ])
    expect(holdsOn(ended)).toEqual([])
    expect(ended).toMatchObject({ onHand: { 'BER-1': 6 }, held: { 'BER-1': 0 }, returnable: 4 })
  })

  it('counts units that nobody holds as available, over all warehouses', () => {
    expect(available(stockWith(sku, { 'BER-1': 10, 'MUC-1': 5 }, holding(sku, 4, LATER)))).toBe(11)
  })
})
