// @inaccessible, and parts of enums and inputs that only some subgraphs have: clients can neither see nor use them.
import {
  getIntrospectionQuery,
  isIntrospectionType,
  isSpecifiedScalarType,
  specifiedDirectives,
} from 'graphql'
import { afterAll, describe, expect, test } from 'vitest'
import { FEDERATION_2, federate } from '#test/gateway/conformance/in-process-federation.ts'

type Ref = { readonly id: string }

const secret = await federate({
  a: {
    sdl: `${FEDERATION_2}
      type Query {
        users: [User!]! user(id: ID!, verbose: Boolean @inaccessible): User byKind(kind: Kind = GUEST, sort: Sort): [User]
        things: [Thing] things2: [Thing!] named: [Named] internal: Int @inaccessible found(by: Search!): String
      }
      type User @key(fields: "id key") {
        id: ID!
        key: String! @inaccessible
        kind: Kind
        kinds: [Kind!]
        level: Level
      }
      enum Kind { ADMIN GUEST ROBOT @inaccessible }
      enum Sort { NAME AGE }
      enum Level { LOW HIGH TOP @inaccessible }
      input Search { text: String! = "all", kind: Kind, restricted: Int }
      union Thing = User | Ghost
      interface Named { name2: String }
      type Ghost implements Named @inaccessible { boo: String name2: String }
      type Pet implements Named { name2: String }
      scalar Vault @inaccessible`,
    resolvers: {
      Query: {
        users: () => [user('1', 'GUEST'), user('2', 'ROBOT')],
        user: (_: unknown, { id }: Ref) => user(id, 'GUEST'),
        byKind: (_: unknown, { kind }: { kind: string }) => [user('1', kind)],
        things: () => [user('1', 'GUEST'), { __typename: 'Ghost', boo: 'hidden' }],
        named: () => [
          { __typename: 'Ghost', name2: 'hidden' },
          { __typename: 'Pet', name2: 'Rex' },
        ],
        things2: () => [{ __typename: 'Ghost', boo: 'hidden' }],
        found: (_: unknown, { by }: { by: object }) => JSON.stringify(by),
      },
    },
  },
  b: {
    sdl: `${FEDERATION_2}
      type Query { other(kind: Kind, by: Search, sort: Sort): User }
      type User @key(fields: "id key") { id: ID! key: String! @inaccessible name: String }
      enum Kind { ADMIN GUEST ROBOT }
      enum Sort { NAME }
      input Search { text: String! = "all", kind: Kind }`,
    resolvers: {
      Query: { other: () => null },
      User: {
        __resolveReference: (given: Ref) => given,
        name: ({ id, key }: Ref & { key: string }) => `${id} by ${key}`,
      },
    },
  },
})
afterAll(() => secret[Symbol.asyncDispose]())

function user(id: string, kind: string) {
  return {
    __typename: 'User',
    id,
    key: `k${id}`,
    kind,
    kinds: ['GUEST', kind],
    level: id === '1' ? 'LOW' : 'TOP',
  }
}

describe('a hidden field', () => {
  test('can serve as a key', async () => {
    expect((await secret.ask('{ users { name } }')).data).toEqual({
      users: [{ name: '1 by k1' }, { name: '2 by k2' }],
    })
  })

  test.each([
    '{ internal }',
    '{ users { key } }',
    '{ user(id: 1, verbose: true) { id } }',
    '{ things { ... on Ghost { boo } } }',
  ])('cannot be selected: %s', async query => {
    const { data, errors, received } = await secret.ask(query)
    expect(data).toBeUndefined()
    expect(errors).toHaveLength(1)
    expect(JSON.stringify(errors)).not.toMatch(/Did you mean.*(internal|key|verbose|Ghost)/)
    expect(received).toEqual([])
  })

  test('is absent from introspection', async () => {
    const text = JSON.stringify((await secret.ask(getIntrospectionQuery())).data)
    for (const hidden of [
      'internal',
      '"key"',
      'verbose',
      'Ghost',
      'TOP',
      'Vault',
      'ROBOT',
      'restricted',
      'AGE',
      '_entities',
      '_Any',
      'join__',
      'link__',
    ])
      expect(text).not.toContain(hidden)
    for (const shown of ['users', 'Kind', 'Search', 'GUEST', 'Level']) expect(text).toContain(shown)
  })
})

test("federation's own definitions are absent from introspection", async () => {
  const sdl =
    `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable",
    "@authenticated", "@requiresScopes", "@policy", "@cost", "@listSize", "@context", "@fromContext", "@tag"])
    @link(url: "https://waybill.test/shelves/v1.0", import: ["@shelf"])
    @composeDirective(name: "@shelf")
    directive @shelf(number: Int) on OBJECT
    type Query {
      many(n: Int @cost(weight: 3)): [One] @listSize(assumedSize: 4) @authenticated @policy(policies: [["p"]])
      scoped: Int @requiresScopes(scopes: [["s"]]) @deprecated(reason: "It is old.")
    }
    type One @key(fields: "id") @context(name: "one") @tag(name: "t") @shelf(number: 1) { id: ID! name: String two: Two }
    type Two @key(fields: "id") { id: ID! with(name: String @fromContext(field: "$one { name }")): String }`.replace(
      '"@tag"]',
      '"@tag", "@composeDirective"]',
    )
  await using described = await federate({ one: { sdl } })
  const { schema } = described
  const types = Object.values(schema.getTypeMap())
    .filter(type => !isSpecifiedScalarType(type) && !isIntrospectionType(type))
    .map(({ name }) => name)
  expect(types.sort()).toEqual(['One', 'Query', 'Two'])
  const own = ['defer', ...specifiedDirectives.map(({ name }) => name)]
  expect(new Set(schema.getDirectives().map(({ name }) => name))).toEqual(new Set(own))
  expect(schema.getQueryType()?.getFields().scoped?.deprecationReason).toBe('It is old.')
})

describe('a hidden value', () => {
  test('is null without an error', async () => {
    const { data, errors } = await secret.ask('{ users { id kind level } }')
    expect(data).toEqual({
      users: [
        { id: '1', kind: 'GUEST', level: 'LOW' },
        { id: '2', kind: null, level: null },
      ],
    })
    expect(errors).toBeUndefined()
  })

  test('in a list of non-null items nulls the list, with an error that does not reveal the value', async () => {
    const { data, errors } = await secret.ask('{ users { kinds } }')
    expect(data).toEqual({ users: [{ kinds: ['GUEST', 'GUEST'] }, { kinds: null }] })
    expect(errors?.map(({ path }) => path)).toEqual([['users', 1, 'kinds', expect.any(Number)]])
    expect(JSON.stringify(errors)).not.toContain('ROBOT')
  })

  test.each([
    ['{ byKind(kind: ROBOT) { id } }', {}],
    ['{ byKind(sort: AGE) { id } }', {}],
    ['query ($k: Kind) { byKind(kind: $k) { id } }', { k: 'ROBOT' }],
    ['{ found(by: { restricted: 1 }) }', {}],
    ['query ($by: Search!) { found(by: $by) }', { by: { restricted: 1 } }],
  ])('is refused in an argument: %s', async (query, variables) => {
    const { data, errors, received } = await secret.ask(query, variables)
    expect([data, errors?.length, received]).toEqual([undefined, 1, []])
  })

  test('of a hidden type is null, whether or not its type is selected', async () => {
    expect((await secret.ask('{ named { name2 } }')).data).toEqual({ named: [null, { name2: 'Rex' }] })
    const { data } = await secret.ask('{ things { __typename } things2 { __typename } }')
    expect(data).toEqual({ things: [{ __typename: 'User' }, null], things2: null })
  })
})

describe('arguments', () => {
  test("have the subgraph's defaults when clients omit them", async () => {
    expect((await secret.ask('{ byKind { kind } found(by: { kind: ADMIN }) }')).data).toEqual({
      byKind: [{ kind: 'GUEST' }],
      found: '{"text":"all","kind":"ADMIN"}',
    })
  })

  test('may be null when their type is nullable', async () => {
    expect((await secret.ask('{ byKind(kind: null) { kind } found(by: { kind: null }) }')).data).toEqual({
      byKind: [{ kind: null }],
      found: '{"text":"all","kind":null}',
    })
  })
})
