// Tests @requires, by which a subgraph computes fields from those of other subgraphs.
import { afterAll, describe, expect, test } from 'vitest'
import { FEDERATION_2, federate } from '#test/gateway/conformance/in-process-federation.ts'

type Given = Readonly<Record<string, unknown>>
const told =
  (...names: string[]) =>
  (given: Given) =>
    names.map(name => JSON.stringify(given[name])).join(' ')

const parcels = await federate({
  goods: {
    sdl: `${FEDERATION_2}
      type Query { good(id: ID!): Good goods: [Good!]! media: [Media!]! }
      type Good @key(fields: "id") {
        id: ID!
        weight: Int
        price(currency: String! = "EUR", tax: Boolean): Float
        size: Size
        parts: [Part!]
        broken: Int
      }
      type Size { width: Int! height: Int depth(unit: Unit): Int }
      type Part { code: String! grams: Int }
      enum Unit { CM INCH }
      interface Media { id: ID! cover: Cover }
      type Book implements Media @key(fields: "id") { id: ID! cover: Cover pages: Int }
      type Film implements Media @key(fields: "id") { id: ID! cover: Cover minutes: Int }
      union Cover = Photo | Drawing
      type Photo { url: String! }
      type Drawing { artist: String! }`,
    resolvers: {
      Query: {
        good: (_: unknown, { id }: { id: string }) => ({ id }),
        goods: () => [{ id: '1' }, { id: '2' }],
        media: () => [
          { __typename: 'Book', id: 'b', pages: 300, cover: { __typename: 'Photo', url: '/b' } },
          { __typename: 'Film', id: 'f', minutes: 90, cover: { __typename: 'Drawing', artist: 'Eva' } },
        ],
      },
      Good: {
        __resolveReference: ({ id }: Given) => ({ id }),
        weight: ({ id }: Given) => (id === '2' ? null : 5),
        price: (_: unknown, { currency, tax }: Given) =>
          (currency === 'USD' ? 20 : 10) + (tax === true ? 1 : 0),
        size: () => ({ width: 3, height: null, depth: ({ unit }: Given) => (unit === 'INCH' ? 1 : 2) }),
        parts: () => [{ code: 'x', grams: 7 }, { code: 'y' }],
        broken: () => {
          throw new Error('it is broken')
        },
      },
    },
  },
  post: {
    sdl: `${FEDERATION_2}
      type Query { postage: Int }
      type Good @key(fields: "id") {
        id: ID!
        weight: Int @external
        price(currency: String! = "EUR", tax: Boolean): Float @external
        size: Size @external
        parts: [Part!] @external
        broken: Int @external
        postage: String @requires(fields: "weight size { width height }")
        duty: String @requires(fields: "price(currency: \\"USD\\", tax: true)")
        box: String @requires(fields: "size { depth(unit: INCH) }")
        list: String @requires(fields: "parts { code grams }")
        hopeless: String @requires(fields: "broken")
      }
      type Size { width: Int! @external height: Int @external depth(unit: Unit): Int @external }
      type Part { code: String! @external grams: Int @external }
      enum Unit { CM INCH }`,
    resolvers: {
      Good: {
        postage: told('weight', 'size'),
        duty: told('price'),
        box: told('size'),
        list: told('parts'),
        hopeless: told('broken'),
      },
    },
  },
  customs: {
    sdl: `${FEDERATION_2}
      type Query { border: String }
      type Good @key(fields: "id") {
        id: ID! postage: String @external form: String @requires(fields: "postage")
      }
      type Book @key(fields: "id") {
        id: ID! cover: Cover @external
        art: String @requires(fields: "cover { ... on Photo { url } ... on Drawing { artist } }")
      }
      union Cover = Photo | Drawing
      type Photo { url: String! @external }
      type Drawing { artist: String! @external }`,
    resolvers: { Good: { form: told('postage') }, Book: { art: told('cover') } },
  },
})
afterAll(() => parcels[Symbol.asyncDispose]())

describe('a computed field gets', () => {
  test('its required fields, including nulls', async () => {
    const { data } = await parcels.ask('{ goods { postage } }')
    expect(data).toEqual({
      goods: [{ postage: '5 {"width":3,"height":null}' }, { postage: 'null {"width":3,"height":null}' }],
    })
  })

  test('lists of objects', async () => {
    const { data } = await parcels.ask('{ good(id: "1") { list } }')
    expect(data).toEqual({ good: { list: '[{"code":"x","grams":7},{"code":"y","grams":null}]' } })
  })

  test("a field that another subgraph computes from a third one's", async () => {
    const { data } = await parcels.ask('{ good(id: "1") { form } }')
    expect(data).toEqual({ good: { form: JSON.stringify('5 {"width":3,"height":null}') } })
  })

  test('the fields of the member of a union that is present', async () => {
    const { data } = await parcels.ask('{ media { id ... on Book { art } } }')
    expect(data).toEqual({ media: [{ id: 'b', art: expect.stringContaining('"url":"/b"') }, { id: 'f' }] })
  })

  test('null for a required field that failed, and the failure is reported', async () => {
    const { data, errors } = await parcels.ask('{ good(id: "1") { hopeless weight } }')
    expect(data).toEqual({ good: { hopeless: 'null', weight: 5 } })
    expect(errors).toMatchObject([{ message: 'it is broken', path: ['good', 'broken'] }])
  })
})

describe('required fields with arguments', () => {
  test('get the arguments of the requirement', async () => {
    const { data } = await parcels.ask('{ good(id: "1") { duty box } }')
    expect(data).toEqual({ good: { duty: '21', box: '{"depth":1}' } })
  })

  test.each([
    ['{ good(id: "1") { price duty } }', { price: 10, duty: '21' }],
    ['{ good(id: "1") { price(currency: "USD") duty } }', { price: 20, duty: '21' }],
    ['{ good(id: "1") { duty price: weight } }', { duty: '21', price: 5 }],
    [
      '{ good(id: "1") { size { depth depth2: depth(unit: CM) } box } }',
      { size: { depth: 2, depth2: 2 }, box: '{"depth":1}' },
    ],
    ['{ good(id: "1") { size { depth: width } box } }', { size: { depth: 3 }, box: '{"depth":1}' }],
  ])("are separate from the same fields in the client's selection: %s", async (query, good) => {
    expect((await parcels.ask(query)).data).toEqual({ good })
  })

  test('are separate however the object was reached', async () => {
    const { data } = await parcels.ask(
      'query ($c: String!) { goods { price(currency: $c) p: price duty } }',
      { c: 'USD' },
    )
    expect(data).toEqual({
      goods: [
        { price: 20, p: 10, duty: '21' },
        { price: 20, p: 10, duty: '21' },
      ],
    })
  })
})
