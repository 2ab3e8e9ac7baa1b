// Tests supergraphs with Federation 1 subgraphs and @extends.
import { afterAll, expect, test } from 'vitest'
import { FEDERATION_2, federate } from '#test/gateway/conformance/in-process-federation.ts'

type Ref = { readonly id: string }

const old = await federate({
  users: {
    sdl: `
      extend type Query { me: User users: [User] }
      type User @key(fields: "id") { id: ID! name: String address: Address }
      type Address { city: String zip: Int }`,
    resolvers: {
      Query: { me: () => user('1'), users: () => [user('1'), user('2')] },
      User: { __resolveReference: ({ id }: Ref) => user(id) },
    },
  },
  reviews: {
    sdl: `
      type Query { latest: Review }
      type Review { text: String author: User @provides(fields: "name") }
      extend type User @key(fields: "id") {
        id: ID! @external
        name: String @external
        address: Address @external
        reviews: [Review]
        label: String @requires(fields: "name address { city }")
      }
      extend type Address { city: String @external }`,
    resolvers: {
      Query: { latest: () => ({ text: 'Good.', author: { id: '2', name: 'provided' } }) },
      User: {
        reviews: ({ id }: Ref) => [{ text: `By ${id}.`, author: { id, name: 'provided' } }],
        label: ({ name, address }: { name: string; address: { city: string } }) =>
          `${name} of ${address.city}`,
      },
    },
  },
  badges: {
    sdl: `
      type Query { badge: String }
      type User @extends @key(fields: "id") { id: ID! @external badges: [String!] }`,
    resolvers: { User: { badges: ({ id }: Ref) => [`badge ${id}`] } },
  },
  modern: {
    sdl: `${FEDERATION_2}
      type Query { version: Int }
      extend type User @key(fields: "id") { id: ID! modern: Boolean }`,
    resolvers: { User: { modern: () => true } },
  },
})
afterAll(() => old[Symbol.asyncDispose]())

function user(id: string) {
  return { id, name: `User ${id}`, address: { city: 'Rome', zip: 1 } }
}

test.each([
  [
    '{ me { name reviews { text } badges modern } }',
    { me: { name: 'User 1', reviews: [{ text: 'By 1.' }], badges: ['badge 1'], modern: true } },
  ],
  ['{ users { label } }', { users: [{ label: 'User 1 of Rome' }, { label: 'User 2 of Rome' }] }],
  ['{ latest { text author { name } } }', { latest: { text: 'Good.', author: { name: 'provided' } } }],
  [
    '{ latest { author { id address { zip } label } } }',
    { latest: { author: { id: '2', address: { zip: 1 }, label: 'User 2 of Rome' } } },
  ],
  [
    '{ badge me { id badges } version }',
    { badge: null, me: { id: '1', badges: ['badge 1'] }, version: null },
  ],
])('a supergraph with Federation 1 subgraphs answers %s', async (query, data) => {
  expect(await old.ask(query)).toMatchObject({ data })
})
