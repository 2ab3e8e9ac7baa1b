import { expect, test } from 'vitest'
import type { Collection, Query } from '#platform/read-models/read-models.ts'
import { facetsOf } from '#subgraphs/inventory/queries/facets.ts'
import type { ProductDoc } from '#subgraphs/inventory/queries/product-documents.ts'
import { conditionsOf } from '#subgraphs/inventory/queries/product-filter.ts'

const DOC: ProductDoc = {
  sku: 'mug',
  title: 'Mug',
  category: 'mugs',
  price: { minor: 900, currency: 'EUR' },
  weightGrams: 300,
  dimensions: { lengthCm: 10, widthCm: 10, heightCm: 10 },
  lowStockThreshold: 0,
  addedAt: '2026-01-01T00:00:00.000Z',
  sortTitle: 'mug',
  sortPrice: 9,
  leads: true,
  stock: [],
  available: 1,
  inStock: true,
  low: false,
}

/** A catalogue of which `total` products fit what is asked for. */
function catalogue(total: (query: Query) => number): Pick<Collection<ProductDoc>, 'find'> {
  return {
    async find(query) {
      const from = Number(query.after ?? 0)
      const to = Math.min(total(query), from + (query.limit ?? 0))
      const items = Array.from({ length: to - from }, (_, index) => ({
        id: `mug-${from + index}`,
        doc: DOC,
        cursor: String(from + index + 1),
      }))
      return { items, hasNext: async () => to < total(query), hasPrevious: async () => from > 0 }
    },
  }
}

const entryOf = ({ sku }: ProductDoc) => sku

test.each([
  ['fits in whole, also without a condition of its own', 5_000, false],
  ['is cut where a facet leaves out its own condition', 5_001, true],
])('a list that %s says so', async (_how, all, capped) => {
  const products = catalogue(({ where = [] }) => (where.length === 0 ? all : 3))
  const conditions = conditionsOf({ category: 'mugs' })
  expect(await facetsOf(products, { conditions, entryOf }).capped()).toBe(capped)
})
