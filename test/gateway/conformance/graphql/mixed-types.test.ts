// Tests fields of one name whose type or nullability differs between types and subgraphs.
import { afterAll, describe, expect, test } from 'vitest'
import { FEDERATION_2, federate } from '#test/gateway/conformance/in-process-federation.ts'

type Ref = { readonly id: string }

const accounts = await federate({
  a: {
    sdl: `${FEDERATION_2}
      directive @loud(on: Boolean = true) on FIELD
      type Query { accounts: [Account!]! users: [User!]! node(id: ID!): Node }
      union Account = User | Admin
      interface Node { id: ID }
      type User implements Node @key(fields: "id") { id: ID name: String code: Int friends: [Account!] }
      type Admin implements Node { id: ID name: String! code: Int! friends: [Account!]! }`,
    resolvers: {
      Query: { accounts: () => [user, admin], users: () => [user], node: () => admin },
      User: { __resolveReference: () => user },
    },
  },
  b: {
    sdl: `${FEDERATION_2}
      directive @loud(on: Boolean = true) on FIELD
      type Query { strangers: [User] }
      type User @key(fields: "id") { id: ID! mail: String! }`,
    resolvers: {
      Query: {
        strangers: () => [{ id: 'u' }, null],
      },
      User: { __resolveReference: ({ id }: Ref) => ({ id }), mail: ({ id }: Ref) => `${id}@test` },
    },
  },
})
afterAll(() => accounts[Symbol.asyncDispose]())

const user = {
  __typename: 'User',
  id: 'u',
  name: null,
  code: 1,
  friends: [{ __typename: 'Admin', id: 'a', name: 'A', code: 2 }],
}
const admin = {
  __typename: 'Admin',
  id: 'a',
  name: 'A',
  code: 2,
  friends: [{ __typename: 'User', id: 'u', name: null, code: 1 }],
}

describe('a response name that is selected on several types', () => {
  test.each([
    ['{ accounts { ... on User { id name } ... on Admin { id } } }', [{ id: 'u', name: null }, { id: 'a' }]],
    ['{ accounts { ... on User { x: id } ... on Admin { x: id } } }', [{ x: 'u' }, { x: 'a' }]],
    ['{ accounts { ... on User { mail } ... on Node { id } } }', [{ mail: 'u@test', id: 'u' }, { id: 'a' }]],
    [
      '{ accounts { ... on User { friends { ... on Admin { name code } } } ... on Admin { name code } } }',
      [{ friends: [{ name: 'A', code: 2 }] }, { name: 'A', code: 2 }],
    ],
    [
      '{ accounts { ... on Node { id } ... on User { mail } __typename } }',
      [
        { id: 'u', mail: 'u@test', __typename: 'User' },
        { id: 'a', __typename: 'Admin' },
      ],
    ],
  ])('has the value of each type: %s', async (query, shown) => {
    const { data, errors } = await accounts.ask(query)
    expect(errors).toBeUndefined()
    expect(data).toEqual({ accounts: shown })
  })

  test('may come from a subgraph with a stricter type', async () => {
    const { data } = await accounts.ask(
      '{ strangers { id code mail } node(id: 1) { id ... on Admin { name } } }',
    )
    expect(data).toEqual({
      strangers: [{ id: 'u', code: 1, mail: 'u@test' }, null],
      node: { id: 'a', name: 'A' },
    })
  })
})

test('a custom directive of the subgraphs is accepted and does not change the response', async () => {
  const { data, errors } = await accounts.ask('{ users { id @loud code @loud(on: false) } }')
  expect([data, errors]).toEqual([{ users: [{ id: 'u', code: 1 }] }, undefined])
})
