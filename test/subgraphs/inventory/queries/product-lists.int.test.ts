// Tests lists of products and their facets on a real database, against a list that is made in memory.
import { sortBy } from 'es-toolkit/array'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openReadModels } from '#platform/read-models/open.ts'
import type { Collection } from '#platform/read-models/read-models.ts'
import { findConnection } from '#platform/subgraph/connection.ts'
import type { ProductFilter, ProductSort } from '#schema/generated/inventory.ts'
import { facetsOf } from '#subgraphs/inventory/queries/facets.ts'
import { eachFamilyOnce, entryOf } from '#subgraphs/inventory/queries/family-list.ts'
import { type ProductDoc, productAfter } from '#subgraphs/inventory/queries/product-documents.ts'
import { conditionsOf, orderOf, whereOf } from '#subgraphs/inventory/queries/product-filter.ts'
import { productsView } from '#subgraphs/inventory/queries/views.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { facts } from '../domain/stock-fixture.ts'

const open = new AsyncDisposableStack()
let products: Collection<ProductDoc>
const docs: ProductDoc[] = []

const COLOURS = ['red', 'blue', 'green']
const SIZES = ['S', 'M', 'L']

/** Families of one to nine variants among single products, with titles and prices that are often equal. */
beforeAll(async () => {
  for (let number = 0; number < 24; number++) {
    const members = number % 3 === 0 ? 1 + (number % 10) : 1
    for (let place = 0; place < members; place++)
      docs.push(docOf(number, number % 3 === 0 ? place : undefined))
  }
  const readModels = open.use(await openReadModels(await freshDatabase()))
  products = await readModels.collection(productsView.collection)
  await products.write(docs.map(doc => ({ id: doc.sku, doc, position: 1 })))
})
afterAll(() => open.disposeAsync())

function docOf(number: number, place: number | undefined): ProductDoc {
  const sku = `sku-${number}-${((place ?? 0) * 7) % 10}`
  const options = [
    { name: 'colour', value: COLOURS[(place ?? 0) % 3] ?? '' },
    { name: 'Size', value: SIZES[Math.floor((place ?? 0) / 3) % 3] ?? '' },
  ]
  const joined = place !== undefined && { family: `family-${number}`, familyPlace: place, options }
  const data = {
    ...{ ...facts, ...joined, sku },
    title: `Title w${(number * 5 + (place ?? 0)) % 7}`,
    category: number % 4 === 0 ? null : `category ${number % 4}`,
    price: { minor: 100 * ((number + (place ?? 0)) % 6) + 99, currency: number % 5 === 0 ? 'USD' : 'EUR' },
    addedAt: `2026-01-${String(1 + ((number * 3 + (place ?? 0)) % 9)).padStart(2, '0')}T00:00:00.000Z`,
  }
  const added = productAfter(undefined, { type: 'ProductAdded', data }, '')
  const quantity = (number + (place ?? 0)) % 3
  const stocked = {
    type: 'StockReceived',
    data: { sku, warehouse: 'BER-1', quantity, reason: 'count' },
  } as const
  const doc = quantity > 0 ? productAfter(added, stocked, '') : added
  if (!doc) throw new Error('there is no document')
  return doc
}

type Case = readonly [name: string, filter: ProductFilter, fits: (doc: ProductDoc) => boolean]
const hasOption = (doc: ProductDoc, name: string, ...values: string[]) =>
  (doc.options ?? []).some(option => option.name === name && values.includes(option.value))
const CASES: readonly Case[] = [
  ['nothing', {}, () => true],
  ['a category', { category: 'category 3' }, doc => doc.category === 'category 3'],
  ['stock', { inStock: true }, doc => doc.available > 0],
  ['an option', { options: [{ name: 'COLOUR', value: 'Blue' }] }, doc => hasOption(doc, 'colour', 'blue')],
  [
    'one of two colours in one size',
    {
      options: [
        { name: 'colour', value: 'red' },
        { name: 'colour', value: 'green' },
        { name: 'size', value: 's' },
      ],
    },
    doc => hasOption(doc, 'colour', 'red', 'green') && hasOption(doc, 'Size', 'S'),
  ],
  [
    'a range of prices',
    { minPrice: { amount: '1.99', currency: 'EUR' }, maxPrice: { amount: '3.99', currency: 'EUR' } },
    doc => doc.price.currency === 'EUR' && doc.price.minor >= 199 && doc.price.minor <= 399,
  ],
  ['words', { text: 'titl w3' }, doc => doc.title === 'Title w3'],
  ['the value of an option as a word', { text: 'green' }, doc => hasOption(doc, 'colour', 'green')],
  [
    'several conditions',
    { category: 'category 1', inStock: true, minPrice: { amount: '2', currency: 'EUR' } },
    doc =>
      doc.category === 'category 1' &&
      doc.available > 0 &&
      doc.price.currency === 'EUR' &&
      doc.price.minor >= 200,
  ],
  ['what no product is', { category: 'nothing' }, () => false],
]
const SORTS: readonly ProductSort[] = (['TITLE', 'PRICE', 'ADDED_AT'] as const).flatMap(field =>
  (['ASC', 'DESC'] as const).map(direction => ({ field, direction })),
)
const KEYS = { TITLE: 'sortTitle', PRICE: 'sortPrice', ADDED_AT: 'addedAt' } as const

/** Keeps of each family the first that joined among those that fit. */
function listed(fits: Case[2], { field, direction }: ProductSort): string[] {
  const fitting = docs.filter(fits)
  const shown = fitting.filter(
    doc =>
      doc.family === undefined ||
      fitting.every(
        ({ family, familyPlace = 0 }) => family !== doc.family || familyPlace >= (doc.familyPlace ?? 0),
      ),
  )
  const skus = sortBy(shown, [KEYS[field], 'sku']).map(({ sku }) => sku)
  return direction === 'ASC' ? skus : skus.reverse()
}

async function pageOf(filter: ProductFilter, sort: ProductSort, page: object) {
  const found = await findConnection(eachFamilyOnce(products), {
    ...{ where: whereOf(conditionsOf(filter)), orderBy: orderOf(sort), page },
  })
  const { hasNextPage, hasPreviousPage, startCursor, endCursor } = found.pageInfo
  return {
    skus: found.nodes.map(({ sku }) => sku),
    facts: [await hasPreviousPage(), await hasNextPage()],
    startCursor,
    endCursor,
    count: found.totalCount,
  }
}

describe.each(CASES)('a list narrowed by %s', (_, filter, fits) => {
  it.each(SORTS)('has each entry once, by $field $direction, read from either end', async sort => {
    const expected = listed(fits, sort)
    for (const size of [1, 4, 100]) {
      const forward: string[] = []
      let cursor: string | null = null
      do {
        const page = await pageOf(filter, sort, { first: size, after: cursor })
        forward.push(...page.skus)
        expect(page.facts).toEqual([forward.length > page.skus.length, forward.length < expected.length])
        cursor = page.facts[1] ? page.endCursor : null
      } while (cursor !== null)
      expect(forward).toEqual(expected)
      const backward: string[] = []
      do {
        const page = await pageOf(filter, sort, { last: size, before: cursor })
        expect(page.facts).toEqual([
          backward.length + page.skus.length < expected.length,
          backward.length > 0,
        ])
        backward.unshift(...page.skus)
        cursor = page.facts[0] ? page.startCursor : null
      } while (cursor !== null)
      expect(backward).toEqual(expected)
    }
  })

  it('counts its entries', async () => {
    const [sort] = SORTS
    if (!sort) return
    expect(await (await pageOf(filter, sort, {})).count()).toBe(listed(fits, sort).length)
  })
})

describe('facets', () => {
  const facets = (filter: ProductFilter) => facetsOf(products, { conditions: conditionsOf(filter), entryOf })
  const entries = (fits: Case[2]) => new Set(docs.filter(fits).map(entryOf)).size
  const inCategory = (number: number) => (doc: ProductDoc) => doc.category === `category ${number}`

  it('count entries, each once for each value that one of its variants has', async () => {
    const found = facets({})
    const categories = await found.categories()
    expect(Object.fromEntries(categories.map(({ value, count }) => [value, count]))).toEqual({
      'category 1': entries(inCategory(1)),
      'category 2': entries(inCategory(2)),
      'category 3': entries(inCategory(3)),
    })
    expect(categories.map(({ count }) => count)).toEqual(
      categories.map(({ count }) => count).sort((a, b) => b - a),
    )
    expect(await found.availability()).toEqual([
      { availability: 'IN_STOCK', count: entries(doc => doc.available > 0) },
      { availability: 'LOW_STOCK', count: 0 },
      { availability: 'OUT_OF_STOCK', count: entries(doc => doc.available === 0) },
    ])
    const colour = (await found.options()).find(({ name }) => name === 'colour')
    expect(colour?.values).toContainEqual({
      value: 'blue',
      count: entries(doc => hasOption(doc, 'colour', 'blue')),
    })
    expect(await found.prices()).toEqual([
      { currency: 'EUR', min: '0.99', max: '5.99' },
      { currency: 'USD', min: '0.99', max: '5.99' },
    ])
    expect(await found.capped()).toBe(false)
  })

  it('leave out the condition about themselves, and keep all others', async () => {
    const blue = { name: 'colour', value: 'blue' }
    const found = facets({ category: 'category 3', options: [blue], inStock: true })
    const isBlue = (doc: ProductDoc) => hasOption(doc, 'colour', 'blue')
    const fits = (doc: ProductDoc) => isBlue(doc) && doc.available > 0
    expect(await found.categories()).toContainEqual({
      value: 'category 1',
      count: entries(doc => fits(doc) && inCategory(1)(doc)),
    })
    const options = await found.options()
    const green = entries(doc => hasOption(doc, 'colour', 'green') && doc.available > 0 && inCategory(3)(doc))
    expect(options.find(({ name }) => name === 'colour')?.values).toContainEqual({
      value: 'green',
      count: green,
    })
    expect(options.find(({ name }) => name === 'Size')?.values).toContainEqual({
      value: 'S',
      count: entries(doc => fits(doc) && inCategory(3)(doc) && hasOption(doc, 'Size', 'S')),
    })
    expect(await found.availability()).toContainEqual({
      availability: 'OUT_OF_STOCK',
      count: entries(doc => isBlue(doc) && inCategory(3)(doc) && doc.available === 0),
    })
  })
})
