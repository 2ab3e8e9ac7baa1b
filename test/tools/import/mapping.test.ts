import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { evaluate, readMapping } from '#tools/import/mapping.ts'
import { planImport } from '#tools/import/plan.ts'
import { readTables } from '#tools/import/tables.ts'
import { amount, fraction, instant } from '#tools/import/values.ts'

const NORTHWIND = path.join(import.meta.dirname, 'northwind')

describe('the northwind mapping', async () => {
  const mapping = await readMapping('northwind')
  const plan = planImport(await readTables(NORTHWIND, mapping), mapping)

  test('plans every order and rejects no row', () => {
    expect(plan.orders.map(({ sourceId, outcome }) => [sourceId, outcome])).toEqual([
      ['1', 'delivered'],
      ['2', 'held'],
      ['3', 'delivered'],
    ])
    expect([...plan.rejects, ...plan.unused]).toEqual([])
  })

  test('applies discounts as fractions, rounded half up per line, and the freight of the order', () => {
    expect(plan.orders.map(order => [order.discountMinor, order.freightMinor, order.totalMinor])).toEqual([
      [1470, 3238, 16800 + 9800 - 1470 + 3238],
      [73, 400, 1450 - 73 + 400], // 72.5 cents
      [0, 0, 2940],
    ])
  })

  test('pays each order by one tender, since the files have no payments', () => {
    expect(plan.orders[0]?.tenders).toEqual([{ kind: 'BANK_SLIP', amountMinor: 28368 }])
  })

  test('joins categories and converts countries to their codes', () => {
    expect(plan.products.map(({ sku, category }) => [sku, category])).toEqual([
      ['NW-11', 'Dairy Products'],
      ['NW-42', 'Grains/Cereals'],
    ])
    expect(plan.orders.map(({ address }) => [address.country, address.postalCode])).toEqual([
      ['FR', '51100'],
      ['IE', '-'],
      ['FR', '51100'],
    ])
  })

  test('leaves the stock of the file once all orders have shipped', () => {
    expect(plan.products.map(({ stock }) => stock)).toEqual([
      [{ warehouse: 'NW-1', quantity: 13 + 22 }],
      [{ warehouse: 'NW-1', quantity: 13 + 26 }],
    ])
  })
})

describe('a mapping file', () => {
  async function readText(text: string) {
    const folder = await mkdtemp(path.join(tmpdir(), 'waybill-mapping-'))
    try {
      await writeFile(path.join(folder, 'shop.json'), text)
      return await readMapping(path.join(folder, 'shop.json'))
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  test('is refused with every problem and its position', async () => {
    const mapping = { ...(await readMapping('northwind')), currency: 'XXX', extra: 1 }
    const reading = readText(
      JSON.stringify({ ...mapping, lines: { ...mapping.lines, quantity: { value: '1', column: 'q' } } }),
    )
    await expect(reading).rejects.toMatchObject({ code: 'MAPPING_INVALID' })
    await expect(reading).rejects.toThrow(/currency: should be one of AUD/)
    await expect(reading).rejects.toThrow(/extra/)
  })

  test('that is missing or not JSON is refused with a sentence', async () => {
    await expect(readMapping('no-such-shop')).rejects.toThrow(
      'No mapping no-such-shop is shipped: there are northwind and olist.',
    )
    await expect(readMapping('/nowhere/shop.json')).rejects.toThrow(
      'The mapping cannot be read: /nowhere/shop.json is not there.',
    )
    await expect(readText('{')).rejects.toThrow(/is no JSON/)
  })

  test('may be a copy of one that is shipped', async () => {
    const shipped = await readMapping('olist')
    expect(await readText(JSON.stringify(shipped))).toEqual(shipped)
  })
})

describe('values', () => {
  test.each([
    [{ column: 'a' }, 'x_1'],
    [{ template: '{a}-{b:2}' }, 'x_1-lo'],
    [{ column: 'a', replace: { _: ' ' } }, 'x 1'],
    [{ column: 'b', map: { long: 'L' } }, 'L'],
    [{ column: 'a', map: { long: 'L' }, otherwise: 'S' }, 'S'],
    [{ column: 'empty', otherwise: 'none' }, 'none'],
    [{ value: '7' }, '7'],
  ])('%j gives %s', (field, expected) => {
    expect(evaluate(field, { a: ' x_1 ', b: 'long', empty: '' }, new Map())).toBe(expected)
  })

  test('a text that a map lacks is refused, and the map’s texts are listed', () => {
    expect(() => evaluate({ column: 'a', map: { y: 'Y' } }, { a: 'x' }, new Map())).toThrow(
      '"x" is not in the mapping, which has y',
    )
  })

  test('amounts may have a decimal comma, and zeros past the decimals of the currency', () => {
    const read = amount({ currency: 'EUR', decimalSeparator: ',' })
    expect(['14,0000', '14,5', '14'].map(read)).toEqual([1400, 1450, 1400])
    expect(() => read('14,005')).toThrow('"14,005" is not a decimal amount of EUR')
    expect(() => read('-1')).toThrow('below 0')
  })

  test('a fraction of an amount is exact where floating point is not', () => {
    expect(fraction('.', 1)('0.15').of(1010)).toBe(152) // 151.5; 1010 * 0.15 is 151.49999999999997
    expect(fraction('.', 100)('15').of(1010)).toBe(152)
    expect(() => fraction('.', 1)('1.5')).toThrow('from 0 to 1')
  })

  test('dates are parsed by their format and must exist', () => {
    expect(instant('DD.MM.YYYY HH:mm')('29.02.2024 13:05')).toBe(Date.UTC(2024, 1, 29, 13, 5))
    expect(() => instant('DD.MM.YYYY')('30.02.2024')).toThrow('no date that exists')
    expect(() => instant('DD.MM.YYYY')('2024-02-01')).toThrow('expected DD.MM.YYYY')
  })
})
