// @key in all its forms: how an entity is resolved in another subgraph, and what happens when it is not.
import { afterAll, describe, expect, test } from 'vitest'
import { FEDERATION_2, federate } from '#test/gateway/conformance/in-process-federation.ts'

const federation = await federate({
  catalogue: {
    sdl: `${FEDERATION_2}
      type Query { products: [Product] product(upc: ID!): Product boxes: [Box] }
      type Product @key(fields: "upc") @key(fields: "maker { country code }") {
        upc: ID! title: String maker: Maker similar: [Product]
      }
      type Maker { country: String! code: Int! motto: String @shareable }
      type Box { label: String content: Product }`,
    resolvers: {
      Query: {
        products: () => [product('1'), null, product('2'), product('1')],
        product: (_: unknown, { upc }: { upc: string }) => product(upc),
        boxes: () => [
          { label: 'full', content: product('1') },
          { label: 'empty', content: null },
        ],
      },
      Product: {
        __resolveReference: ({ upc, maker }: { upc?: string; maker?: { code: number } }) =>
          product(upc ?? String(maker?.code)),
        similar: () => [product('2'), product('1')],
      },
    },
  },
  stock: {
    sdl: `${FEDERATION_2}
      type Query { scarce: [Product] }
      type Product @key(fields: "maker { country code }") @key(fields: "sku") {
        sku: ID maker: Maker stock: Int
      }
      type Maker { country: String! code: Int! }`,
    resolvers: {
      Query: {
        scarce: () => [
          { sku: 's1', maker: { country: 'IT', code: 1 } },
          { sku: null, maker: { country: 'IT', code: 2 } },
        ],
      },
      Product: {
        __resolveReference: ({ sku, maker }: { sku?: string; maker?: { code: number } }) =>
          maker ? { sku: `s${maker.code}`, maker } : { sku, maker: null },
        stock: ({ sku }: { sku: string }) => (sku === 's1' ? 10 : 20),
      },
    },
  },
  prices: {
    sdl: `${FEDERATION_2}
      type Product @key(fields: "sku") { sku: ID price: Float }
      type Query { currency: String }`,
    resolvers: {
      Product: {
        __resolveReference: ({ sku }: { sku: string | null }) => (sku === 's2' ? null : { sku }),
        price: ({ sku }: { sku: string | null }) => (sku === null ? -1 : 9.5),
      },
    },
  },
  labels: {
    sdl: `${FEDERATION_2}
      type Query { label: Label }
      type Label { text: String product: Product }
      type Product @key(fields: "upc", resolvable: false) { upc: ID! }`,
    resolvers: { Query: { label: () => ({ text: 'new', product: { upc: '2' } }) } },
  },
})
afterAll(() => federation[Symbol.asyncDispose]())

function product(upc: string) {
  return { upc, title: `Product ${upc}`, maker: { country: 'IT', code: Number(upc), motto: 'Slow' } }
}

describe('an entity is resolved in another subgraph', () => {
  test('by a nested key', async () => {
    const { data } = await federation.ask('{ product(upc: "1") { title stock } }')
    expect(data).toEqual({ product: { title: 'Product 1', stock: 10 } })
  })

  test('by a key that a third subgraph provides', async () => {
    const { data } = await federation.ask('{ product(upc: "1") { title price } }')
    expect(data).toEqual({ product: { title: 'Product 1', price: 9.5 } })
  })

  test('from a subgraph that only has its key', async () => {
    const { data } = await federation.ask('{ label { text product { title stock } } }')
    expect(data).toEqual({ label: { text: 'new', product: { title: 'Product 2', stock: 20 } } })
  })

  test('next to null items, and not when it is null itself', async () => {
    const { data } = await federation.ask('{ products { stock } boxes { content { stock } } }')
    expect(data).toEqual({
      products: [{ stock: 10 }, null, { stock: 20 }, { stock: 10 }],
      boxes: [{ content: { stock: 10 } }, { content: null }],
    })
  })

  test('once, however often it occurs in the response', async () => {
    const { data, received } = await federation.ask('{ products { similar { stock } } }')
    expect(data).toEqual({
      products: [
        { similar: [{ stock: 20 }, { stock: 10 }] },
        null,
        { similar: [{ stock: 20 }, { stock: 10 }] },
        { similar: [{ stock: 20 }, { stock: 10 }] },
      ],
    })
    const [asked] = received.filter(({ service }) => service === 'stock')
    expect(asked?.variables.representations).toHaveLength(2)
  })
})

describe('an entity that cannot be resolved', () => {
  test('has no fields of the subgraph that does not know it', async () => {
    const { data, errors } = await federation.ask('{ product(upc: "2") { title price } }')
    expect(data).toEqual({ product: { title: 'Product 2', price: null } })
    expect(errors).toBeUndefined()
  })

  test('is not requested when it has no key', async () => {
    const { data, received } = await federation.ask('{ scarce { price } }', {}, ({ service }) =>
      service === 'stock' ? { data: { scarce: [{ __typename: 'Product', sku: null }] } } : undefined,
    )
    expect(data).toEqual({ scarce: [{ price: null }] })
    expect(received.filter(({ service }) => service === 'prices')).toEqual([])
  })

  test('is reported when the subgraph returns too few entities', async () => {
    const { data, errors } = await federation.ask('{ products { stock } }', {}, ({ service }) =>
      service === 'stock' ? { data: { _entities: [{ stock: 10 }] } } : undefined,
    )
    expect(data).toEqual({ products: [{ stock: 10 }, null, { stock: null }, { stock: 10 }] })
    expect(errors?.map(({ path }) => path)).toEqual([['products', 2]])
  })
})

describe('client aliases', () => {
  test('do not conflict with keys', async () => {
    const { data } = await federation.ask(
      '{ product(upc: "1") { upc: title sku: stock maker: title __typename title: upc price: stock stock: price } }',
    )
    expect(data).toEqual({
      product: {
        upc: 'Product 1',
        sku: 10,
        maker: 'Product 1',
        __typename: 'Product',
        title: '1',
        price: 10,
        stock: 9.5,
      },
    })
  })

  test('do not conflict with parts of keys', async () => {
    const { data } = await federation.ask(
      '{ product(upc: "1") { maker { country: motto code: country } stock } }',
    )
    expect(data).toEqual({ product: { maker: { country: 'Slow', code: 'IT' }, stock: 10 } })
  })

  test('may differ between the places of one entity', async () => {
    const { data } = await federation.ask(`{
      a: product(upc: "1") { similar { x: stock } }
      b: product(upc: "1") { similar { x: price stock } }
    }`)
    expect(data).toEqual({
      a: { similar: [{ x: 20 }, { x: 10 }] },
      b: {
        similar: [
          { x: null, stock: 20 },
          { x: 9.5, stock: 10 },
        ],
      },
    })
  })
})
