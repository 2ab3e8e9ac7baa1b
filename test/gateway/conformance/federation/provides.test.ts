// Tests @provides on abstract types, and @requires across subgraphs that depend on each other.
import { afterAll, describe, expect, test } from 'vitest'
import { FEDERATION_2, federate } from '#test/gateway/conformance/in-process-federation.ts'

type Ref = { readonly id: string }

const zoo = await federate({
  a: {
    sdl: `${FEDERATION_2}
      type Query {
        media: [Media] @provides(fields: "... on Book { title } ... on Film { title }")
        pet: Pet @provides(fields: "... on Dog { name } owner { name }")
        nested: Shelf @provides(fields: "books { title parts { code } }")
      }
      union Media = Book | Film
      interface Pet { id: ID! name: String owner: Owner }
      type Dog implements Pet @key(fields: "id") { id: ID! name: String @external owner: Owner @external }
      type Cat implements Pet @key(fields: "id") { id: ID! name: String @external owner: Owner @external }
      type Owner @key(fields: "id") { id: ID! name: String @external }
      type Shelf { books: [Book] }
      type Book @key(fields: "id") { id: ID! title: String @external parts: [Part] @external }
      type Film @key(fields: "id") { id: ID! title: String @external }
      type Part @key(fields: "id") { id: ID! code: String @external }`,
    resolvers: {
      Query: {
        media: () => [
          { __typename: 'Book', id: 'b', title: 'provided book' },
          { __typename: 'Film', id: 'f', title: 'provided film' },
        ],
        pet: () => ({
          __typename: 'Dog',
          id: 'd',
          name: 'provided dog',
          owner: { id: 'o', name: 'provided owner' },
        }),
        nested: () => ({ books: [{ id: 'b', title: 'provided', parts: [{ id: 'p', code: 'provided' }] }] }),
      },
    },
  },
  b: {
    sdl: `${FEDERATION_2}
      type Query { hello: String }
      type Dog @key(fields: "id") { id: ID! name: String @shareable owner: Owner @shareable age: Int }
      type Cat @key(fields: "id") { id: ID! name: String @shareable owner: Owner @shareable age: Int }
      type Owner @key(fields: "id") { id: ID! name: String @shareable }
      type Book @key(fields: "id") { id: ID! title: String @shareable parts: [Part] @shareable pages: Int }
      type Film @key(fields: "id") { id: ID! title: String @shareable }
      type Part @key(fields: "id") { id: ID! code: String @shareable weight: Int }`,
    resolvers: {
      Dog: { age: () => 3 },
      Book: { title: () => 'own', pages: ({ id }: Ref) => id.length * 100, parts: () => [{ id: 'p' }] },
      Part: { code: () => 'own', weight: () => 5 },
    },
  },
})

const circle = await federate({
  posts: {
    sdl: `${FEDERATION_2}
      type Query { feed: [Post] }
      interface Post { id: ID! }
      type Text implements Post @key(fields: "id") { id: ID! by: Author byExpert: Boolean @external
        isShown: Boolean @requires(fields: "byExpert") }
      type Note implements Post { id: ID! }
      type Author @key(fields: "id") { id: ID! }`,
    resolvers: {
      Query: {
        feed: () => [
          { __typename: 'Text', id: 't', by: { id: 'w' } },
          { __typename: 'Note', id: 'n' },
        ],
      },
      Text: {
        __resolveReference: (given: object) => ({ by: { id: 'w' }, ...given }),
        isShown: ({ byExpert }: { byExpert: boolean }) => byExpert === true,
      },
    },
  },
  authors: {
    sdl: `${FEDERATION_2}
      type Query { experts: Int }
      type Text @key(fields: "id") { id: ID! by: Author @external
        byExpert: Boolean @requires(fields: "by { id years }") }
      type Author @key(fields: "id") { id: ID! years: Int }`,
    resolvers: {
      Author: { years: () => 20 },
      Text: { byExpert: ({ by }: { by?: { years?: number } }) => (by?.years ?? 0) > 10 },
    },
  },
})
afterAll(async () => {
  await zoo[Symbol.asyncDispose]()
  await circle[Symbol.asyncDispose]()
})

describe('a provided field', () => {
  test.each<[string, unknown, readonly string[]]>([
    [
      '{ media { ... on Book { title } ... on Film { title } } }',
      { media: [{ title: 'provided book' }, { title: 'provided film' }] },
      ['a'],
    ],
    ['{ pet { name } }', { pet: { name: 'provided dog' } }, ['a']],
    ['{ pet { owner { name } } }', { pet: { owner: { name: 'provided owner' } } }, ['a']],
    ['{ pet { ... on Dog { name age } } }', { pet: { name: 'provided dog', age: 3 } }, ['a', 'b']],
    [
      '{ nested { books { title parts { code } } } }',
      { nested: { books: [{ title: 'provided', parts: [{ code: 'provided' }] }] } },
      ['a'],
    ],
    [
      '{ nested { books { pages parts { weight } } } }',
      { nested: { books: [{ pages: 100, parts: [{ weight: 5 }] }] } },
      ['a', 'b'],
    ],
  ])('is taken from the providing subgraph on an abstract type: %s', async (query, data, services) => {
    const { data: got, errors, received } = await zoo.ask(query)
    expect(errors).toBeUndefined()
    expect(got).toEqual(data)
    expect([...new Set(received.map(({ service }) => service))]).toEqual(services)
  })
})

test("fields of two subgraphs that require one another's fields are resolved in turns", async () => {
  const { data, errors } = await circle.ask('{ feed { id ... on Text { isShown } } }')
  expect(errors).toBeUndefined()
  expect(data).toEqual({ feed: [{ id: 't', isShown: true }, { id: 'n' }] })
})
