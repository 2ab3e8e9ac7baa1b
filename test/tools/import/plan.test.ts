import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { readMapping } from '#tools/import/mapping.ts'
import { planImport } from '#tools/import/plan.ts'
import { readTables } from '#tools/import/tables.ts'

const FIXTURE = path.join(import.meta.dirname, 'fixture')
const idOf = (digit: number) => `a${'0'.repeat(30)}${digit}`

describe('the import plan', async () => {
  const mapping = await readMapping('olist')
  const plan = planImport(await readTables(FIXTURE, mapping), mapping)
  const orderOf = (digit: number) => plan.orders.find(order => order.sourceId === idOf(digit))

  test('holds the usable orders sorted by time', () => {
    expect(plan.orders.map(order => order.sourceId)).toEqual([idOf(1), idOf(2), idOf(3), idOf(7)])
  })

  test('names file and line of every row that cannot be used, and the order that it spoils', () => {
    const reasons = plan.rejects.map(({ file, line, reason }) => `${file}:${line} ${reason}`)
    expect(reasons).toEqual([
      expect.stringMatching(/^items\.csv:8 unit_price: "ten" is not a decimal amount/),
      expect.stringMatching(/^orders\.csv:5 order a0+4: it has no row in items\.csv/),
      expect.stringMatching(/^orders\.csv:6 purchased_at: expected YYYY-MM-DD/),
      expect.stringMatching(/^orders\.csv:7 order a0+6: its row items\.csv:8 cannot be used/),
      expect.stringMatching(/^orders\.csv:9 unreadable: .*columns/i),
    ])
  })

  test('merges the units of one product at one price into a line', () => {
    expect(orderOf(1)?.lines.map(({ quantity, unitPriceMinor }) => [quantity, unitPriceMinor])).toEqual([
      [2, 1000],
      [1, 525],
    ])
    expect(orderOf(1)?.units).toBe(3)
  })

  test('splits the payment into its tenders, and reports what is paid beyond goods and freight as surplus', () => {
    expect(orderOf(1)).toMatchObject({
      freightMinor: 375,
      surplusMinor: 50,
      totalMinor: 2950,
      tenders: [
        { kind: 'VOUCHER', amountMinor: 900 },
        { kind: 'CARD', amountMinor: 2050 },
      ],
    })
    expect(orderOf(2)?.tenders).toEqual([{ kind: 'BANK_SLIP', amountMinor: 725 }])
  })

  test('derives the outcome of an order from its status', () => {
    expect(plan.orders.map(order => order.outcome)).toEqual(['delivered', 'shipped', 'cancelled', 'held'])
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
