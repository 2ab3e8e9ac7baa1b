// Tests that descriptions of a product change what they name and nothing else, in the aggregate and in the views.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import type { View } from '#platform/read-models/projection.ts'
import type { Document } from '#platform/read-models/read-models.ts'
import { type Description, describeProduct, type ProductImage } from '#subgraphs/inventory/domain/product.ts'
import {
  addProduct,
  evolveAll,
  noStock,
  type Stock,
  type StockEvent,
} from '#subgraphs/inventory/domain/stock.ts'
import { categoriesView, contentsView, productsView } from '#subgraphs/inventory/queries/views.ts'
import { AT, facts } from './stock-fixture.ts'

const image: fc.Arbitrary<ProductImage> = fc.record({
  url: fc.constantFrom('/images/a.svg', '/images/b.svg'),
  width: fc.integer({ min: 1, max: 2 }),
  height: fc.constant(1),
  altText: fc.constantFrom('front', 'back'),
})
const description: fc.Arbitrary<Description> = fc.record(
  {
    title: fc.constantFrom('Oak table', 'Ash table'),
    category: fc.option(fc.constantFrom('Furniture', 'Office')),
    description: fc.option(fc.constantFrom('Round.', 'Square.')),
    images: fc.array(image, { maxLength: 2 }),
  },
  { requiredKeys: [] },
)
const descriptions = fc.array(fc.record({ sku: fc.constantFrom('a', 'b'), given: description }), {
  maxLength: 12,
})

type Described = {
  readonly events: readonly { sku: string; event: StockEvent }[]
  stocks: Map<string, Stock>
}

function history(commands: readonly { sku: string; given: Description }[]): Described {
  const stocks = new Map<string, Stock>()
  const events: { sku: string; event: StockEvent }[] = []
  const take = (sku: string, decided: { accepted: readonly StockEvent[] } | { refused: unknown }) => {
    if ('refused' in decided) throw new Error(JSON.stringify(decided.refused))
    stocks.set(sku, evolveAll(stocks.get(sku) ?? noStock, decided.accepted))
    events.push(...decided.accepted.map(event => ({ sku, event })))
  }
  for (const sku of ['a', 'b']) take(sku, addProduct(noStock, { sku, facts, units: [], at: AT }))
  for (const command of commands)
    take(command.sku, describeProduct(stocks.get(command.sku) ?? noStock, command))
  return { events, stocks }
}

function projected<Doc extends Document>(view: View<Doc>, { events }: Described): Map<string, Doc> {
  const docs = new Map<string, Doc>()
  events.forEach(({ sku, event }, index) => {
    const recorded: RecordedEvent = {
      ...{ position: index + 1, stream: `stock-${sku}`, version: index + 1, id: String(index), schema: 1 },
      ...{ type: event.type, data: event.data, meta: {}, recordedAt: AT },
    }
    for (const { id, update } of view.project(recorded)) {
      const doc = update(docs.get(id))
      if (doc) docs.set(id, doc)
      else docs.delete(id)
    }
  })
  return docs
}

it('each fact is the one that was given last, and the other facts stay', () => {
  const property = fc.property(descriptions, commands => {
    const { stocks } = history(commands)
    for (const sku of ['a', 'b']) {
      const given = commands.filter(command => command.sku === sku).map(command => command.given)
      const product = stocks.get(sku)?.product
      expect({ description: null, images: [], ...product }).toEqual({
        ...{ ...facts, addedAt: AT, description: null, images: [] },
        ...Object.assign({}, ...given),
      })
    }
  })
  fc.assert(property, { numRuns: 300 })
})

it('describing a product as it is records nothing', () => {
  const property = fc.property(descriptions, description, (commands, given) => {
    const { stocks } = history([...commands, { sku: 'a', given }])
    expect(describeProduct(stocks.get('a') ?? noStock, { sku: 'a', given })).toEqual({ accepted: [] })
  })
  fc.assert(property, { numRuns: 300 })
})

it('the views show the products, their content and the categories that have products as the aggregates do', () => {
  const property = fc.property(descriptions, commands => {
    const all = history(commands)
    const [products, contents] = [projected(productsView, all), projected(contentsView, all)]
    const counts: Record<string, number> = {}
    for (const [sku, { product }] of all.stocks) {
      const { title, category, description = null, images = [] } = product ?? facts
      const doc = products.get(sku)
      expect(doc).toMatchObject({ sku, title, category, addedAt: AT, sortTitle: title.toLowerCase() })
      expect(doc).not.toHaveProperty('description')
      expect(contents.get(sku) ?? { description: null, images: [] }).toEqual({ description, images })
      if (category !== null) counts[category] = (counts[category] ?? 0) + 1
    }
    const listed = [...projected(categoriesView, all).values()]
    expect(Object.fromEntries(listed.map(({ name, products }) => [name, products]))).toEqual(counts)
  })
  fc.assert(property, { numRuns: 200 })
})

it('a product that nobody added cannot be described', () => {
  expect(describeProduct(noStock, { sku: 'x', given: { title: 'Chair' } })).toMatchObject({
    refused: { code: 'PRODUCT_NOT_FOUND', sku: 'x' },
  })
})
