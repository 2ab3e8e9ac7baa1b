// Tests operations that Hive's planner cannot plan, because a required field is reached by a key that is not at hand.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  FEDERATION_2,
  type Federation,
  federate,
  UNPLANNABLE,
} from '#test/gateway/conformance/in-process-federation.ts'

const WEIGHTS: Readonly<Record<string, number>> = { s1: 3, s2: 20 }

let federation: Federation
beforeAll(async () => {
  federation = await federate({
    shelves: {
      sdl: `${FEDERATION_2}
        type Query { shelf: Shelf }
        type Shelf { label: String products: [Product] }
        type Product @key(fields: "maker { id } slot") { slot: ID! maker: Maker }
        type Maker @key(fields: "id", resolvable: false) { id: ID! }`,
      resolvers: {
        Query: {
          shelf: () => ({
            label: 'A',
            products: [
              { slot: '1', maker: { id: 'm' } },
              { slot: '2', maker: { id: 'm' } },
            ],
          }),
        },
      },
    },
    products: {
      sdl: `${FEDERATION_2}
        type Query { products: [Product] }
        type Product @key(fields: "sku") @key(fields: "maker { id } slot") { sku: ID! slot: ID! weight: Int maker: Maker }
        type Maker @key(fields: "id") { id: ID! }`,
      resolvers: {
        Product: {
          __resolveReference: ({ sku, slot = sku.slice(1) }: { sku: string; slot?: string }) => ({
            sku: `s${slot}`,
            slot,
            weight: WEIGHTS[`s${slot}`],
            maker: { id: 'm' },
          }),
        },
      },
    },
    stock: {
      sdl: `${FEDERATION_2}
        type Product @key(fields: "sku") {
          sku: ID! weight: Int @external left: Int delivery(by: String): String @requires(fields: "weight")
        }`,
      resolvers: {
        Product: {
          __resolveReference: (reference: object) => ({ left: 7, ...reference }),
          delivery: ({ weight }: { weight?: number }, { by }: { by?: string }) => `${weight} kg by ${by}`,
        },
      },
    },
  })
})
afterAll(() => federation[Symbol.asyncDispose]())

describe('an operation that only the fallback planner can plan', () => {
  test('is answered, including the required fields', async () => {
    const { data, errors, received } = await federation.ask('{ shelf { products { delivery(by: "air") } } }')
    expect(errors).toBeUndefined()
    expect(data).toEqual({
      shelf: { products: [{ delivery: '3 kg by air' }, { delivery: '20 kg by air' }] },
    })
    expect(received.map(({ service }) => service)).toEqual(['shelves', 'products', 'stock'])
  })

  test('is planned separately for each combination of its conditions', async () => {
    const query = `query ($by: String, $with: Boolean!, $without: Boolean!) {
      shelf { label products { left @skip(if: $without) ... @include(if: $with) { delivery(by: $by) } } }
    }`
    const ask = (given: { with: boolean; without: boolean }) => federation.ask(query, { by: 'sea', ...given })
    const left = [{ left: 7 }, { left: 7 }]
    const delivery = [{ delivery: '3 kg by sea' }, { delivery: '20 kg by sea' }]
    for (let twice = 0; twice < 2; twice++) {
      expect(await ask({ with: true, without: true })).toMatchObject({
        data: { shelf: { products: delivery } },
      })
      expect(await ask({ with: false, without: false })).toMatchObject({
        data: { shelf: { products: left } },
      })
      const all = await ask({ with: true, without: false })
      expect(all.data).toMatchObject({ shelf: { products: [{ ...left[0], ...delivery[0] }, {}] } })
      const none = await ask({ with: false, without: true })
      expect(none.data).toEqual({ shelf: { label: 'A', products: [{}, {}] } })
      expect(none.received.map(({ service }) => service)).toEqual(['shelves'])
    }
  })
})

describe('fields that require another field with different arguments', () => {
  const goods = federate({
    goods: {
      sdl: `${FEDERATION_2}
        type Query { good: Good }
        type Good @key(fields: "id") { id: ID! price(in: String): Int maker: Maker }
        type Maker { fee(in: String): Int }`,
      resolvers: {
        Query: { good: () => ({ id: '1', maker: {} }) },
        Good: { price: (_: unknown, { in: currency }: { in: string }) => (currency === 'EUR' ? 1 : 2) },
        Maker: { fee: (_: unknown, { in: currency }: { in: string }) => (currency === 'EUR' ? 3 : 4) },
      },
    },
    tax: {
      sdl: `${FEDERATION_2}
        type Good @key(fields: "id") {
          id: ID!
          price(in: String): Int @external
          maker: Maker @external
          euros: Int @requires(fields: "price(in: \\"EUR\\")")
          dollars: Int @requires(fields: "price(in: \\"USD\\")")
          feeEuros: Int @requires(fields: "maker { fee(in: \\"EUR\\") }")
          feeDollars: Int @requires(fields: "maker { fee(in: \\"USD\\") }")
        }
        type Maker @external { fee(in: String): Int }`,
      resolvers: {
        Good: {
          __resolveReference: (reference: object) => reference,
          euros: ({ price }: { price: number }) => price,
          dollars: ({ price }: { price: number }) => price,
          feeEuros: ({ maker }: { maker: { fee: number } }) => maker.fee,
          feeDollars: ({ maker }: { maker: { fee: number } }) => maker.fee,
        },
      },
    },
  })
  afterAll(async () => (await goods)[Symbol.asyncDispose]())
  const ask = async (query: string, variables = {}) => (await goods).ask(query, variables)

  test('get the value for their own arguments', async () => {
    expect(await ask('{ good { euros dollars } }')).toMatchObject({
      data: { good: { euros: 1, dollars: 2 } },
    })
    expect(await ask('{ good { feeEuros } }')).toMatchObject({ data: { good: { feeEuros: 3 } } })
  })

  test.each([
    [true, true],
    [true, false],
    [false, true],
    [false, false],
  ])('get the value for their own arguments under conditions that are %s and %s', async (one, other) => {
    const query = `query ($one: Boolean!, $other: Boolean!) {
      good { id euros @include(if: $one) dollars @include(if: $other) }
    }`
    const { data, errors } = await ask(query, { one, other })
    expect(errors).toBeUndefined()
    expect(data).toEqual({ good: { id: '1', ...(one && { euros: 1 }), ...(other && { dollars: 2 }) } })
  })

  test('are refused where no planner can separate them', async () => {
    const { data, errors } = await ask('{ good { feeEuros feeDollars } }')
    expect(data).toBeUndefined()
    expect(errors).toEqual([expect.objectContaining({ message: 'The operation cannot be planned.' })])
  })
})

test('an operation that neither planner can plan correctly is refused', async () => {
  await using chain = await federate(UNPLANNABLE)
  const { data, errors, received } = await chain.ask('{ warehouses { items { hint } } }')
  expect(data).toBeUndefined()
  expect(errors).toEqual([expect.objectContaining({ message: 'The operation cannot be planned.' })])
  expect(received).toEqual([])
})
