import { describe, expect, test } from 'vitest'
import { named, planOf, WHOLE } from '#test/tools/import/files.ts'

const whole = (name: keyof typeof WHOLE): string[] => [...WHOLE[name]]

describe('every row is in the plan, or named with file and line', () => {
  test('complete files have no rejected rows', async () => {
    const plan = await planOf({})
    expect(named(plan)).toEqual([])
    expect(plan.orders).toHaveLength(2)
  })

  test('the last of several rows with one id counts, and the others are named', async () => {
    const plan = await planOf({
      products: [...whole('products'), 'p1,toys,900,99,99,99'],
      customers: [...whole('customers'), 'c1,99999,recife,PE'],
    })
    expect(named(plan)).toEqual([
      'customers.csv:2 c1 is overruled by line 4',
      'products.csv:2 p1 is overruled by line 4',
    ])
    expect(plan.products.find(({ sku }) => sku === 'p1')?.category).toBe('toys')
    expect(plan.orders[0]?.address.city).toBe('recife')
  })

  test('items and payments without an order are named', async () => {
    const plan = await planOf({
      items: [...whole('items'), 'o9,1,p1,s1,5.00,0.50'],
      payments: [...whole('payments'), 'o8,1,voucher,5.00'],
    })
    expect(named(plan)).toEqual([
      'items.csv:4 order o9 is not in orders.csv',
      'payments.csv:4 order o8 is not in orders.csv',
    ])
  })

  test('products and customers that no order needs are listed separately', async () => {
    const plan = await planOf({
      products: [...whole('products'), 'p9,unused,100,1,1,1'],
      customers: [...whole('customers'), 'c9,01310,x,SP'],
    })
    expect(plan.rejects).toEqual([])
    expect(named(plan)).toEqual([
      'customers.csv:4 no order that is imported needs customer c9',
      'products.csv:4 no order that is imported needs product p9',
    ])
  })

  test('an order that cannot be used is named with all rows that go with it', async () => {
    const plan = await planOf({ items: [...whole('items'), 'o1,1,p1,s1,10.00,1.50'] })
    expect(named(plan)[0]).toBe(
      'orders.csv:2 order o1: a row of it in items.csv is missing or stands twice + items.csv:2 + items.csv:4 + payments.csv:2',
    )
    expect(plan.orders.map(({ sourceId }) => sourceId)).toEqual(['o2'])
  })

  test('a product that is only sold at 0 fails only its own orders', async () => {
    const plan = await planOf({ items: ['o1,1,p1,s1,0.00,1.50', 'o2,1,p2,s1,10.00,1.50'] })
    expect(named(plan)[0]).toMatch(/^orders\.csv:2 order o1: product p1 is sold at 0 only/)
    expect(plan.orders.map(({ sourceId }) => sourceId)).toEqual(['o2'])
  })

  test('a free unit of a product that is sold elsewhere is imported', async () => {
    const plan = await planOf({
      items: ['o1,1,p1,s1,10.00,1.50', 'o1,2,p1,s1,0.00,0.00', 'o2,1,p2,s1,10.00,1.50'],
    })
    expect(named(plan)).toEqual([])
    expect(plan.orders[0]?.lines.map(({ unitPriceMinor }) => unitPriceMinor)).toEqual([1000, 0])
    expect(plan.products[0]?.priceMinor).toBe(1000)
  })

  test('a line end within a value costs that row and its orders, named by the line on which it begins', async () => {
    const plan = await planOf({ products: ['p1,"home\ncomfort",500,30,20,10', 'p2,"fine",500,30,20,10', ''] })
    expect(plan.orders.map(({ sourceId }) => sourceId)).toEqual(['o2'])
    expect(named(plan)).toEqual([
      expect.stringMatching(/^orders\.csv:2 order o1: product p1 cannot be used \(products\.csv:2\)/),
      expect.stringMatching(/^products\.csv:2 category_en and product_id: .* holds a control character/),
      'customers.csv:2 no order that is imported needs customer c1',
    ])
  })

  test('a date that does not exist is named', async () => {
    const plan = await planOf({ orders: ['o1,c1,delivered,2023-02-29 10:00:00', WHOLE.orders[1]] })
    expect(named(plan)).toContain('orders.csv:2 purchased_at: "2023-02-29 10:00:00" is no date that exists')
  })
})
