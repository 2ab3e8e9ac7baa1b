import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { planOlist } from '#tools/import/olist.ts'

const FIXTURE = path.join(import.meta.dirname, 'fixture')
const idOf = (digit: number) => `a${'0'.repeat(30)}${digit}`

describe('the import plan', async () => {
  const plan = await planOlist(FIXTURE)
  const orderOf = (digit: number) => plan.orders.find(order => order.sourceId === idOf(digit))

  test('holds the usable orders in time order', () => {
    expect(plan.orders.map(order => order.sourceId)).toEqual([idOf(1), idOf(2), idOf(3), idOf(7)])
  })

  test('names file and line of every row that cannot be used, and the order that it spoils', () => {
    const reasons = plan.rejects.map(({ file, line, reason }) => `${file}:${line} ${reason}`)
    expect(reasons).toEqual([
      expect.stringMatching(/^orders\.csv:6 purchased_at: expected YYYY-MM-DD/),
      expect.stringMatching(/^orders\.csv:9 unreadable: .*columns/i),
      expect.stringMatching(/^items\.csv:8 unit_price: "ten" is not a decimal amount/),
      expect.stringMatching(/^orders\.csv:5 order a0+4: no items in items\.csv \(status unavailable\)/),
      expect.stringMatching(/^orders\.csv:7 order a0+6: a row of its items or payments cannot be used/),
    ])
  })

  test('merges the units of one product at one price into a line', () => {
    expect(orderOf(1)?.lines.map(({ quantity, unitPriceMinor }) => [quantity, unitPriceMinor])).toEqual([
      [2, 1000],
      [1, 525],
    ])
    expect(orderOf(1)?.units).toBe(3)
  })

  test('splits the payment into its tenders, and calls what is paid beyond goods and freight an adjustment', () => {
    expect(orderOf(1)).toMatchObject({
      freightMinor: 375,
      adjustmentMinor: 50,
      totalMinor: 2950,
      tenders: [
        { kind: 'VOUCHER', amountMinor: 900 },
        { kind: 'CARD', amountMinor: 2050 },
      ],
    })
    expect(orderOf(2)?.tenders).toEqual([{ kind: 'BANK_SLIP', amountMinor: 725 }])
  })

  test('gives each order its fate by its status', () => {
    expect(plan.orders.map(order => order.fate)).toEqual(['delivered', 'shipped', 'cancelled', 'held'])
  })

  test('stocks every product with more than the orders need', () => {
    for (const product of plan.products) {
      const needed = plan.orders
        .flatMap(order => order.lines)
        .filter(line => line.sku === product.sku)
        .reduce((sum, line) => sum + line.quantity, 0)
      const stocked = product.stock.reduce((sum, { quantity }) => sum + quantity, 0)
      expect(stocked).toBeGreaterThan(needed)
    }
  })

  test('keeps leading zeros of the postal code', () => {
    expect(orderOf(1)?.address.postalCode).toBe('08248-000')
  })
})
