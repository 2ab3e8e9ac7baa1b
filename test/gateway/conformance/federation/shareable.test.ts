// Tests from which subgraph a field is fetched with @shareable, @provides, @override and @external.
import { afterAll, describe, expect, test } from 'vitest'
import { FEDERATION_2, federate } from '#test/gateway/conformance/in-process-federation.ts'

type Ref = { readonly id: string }

const federation = await federate({
  a: {
    sdl: `${FEDERATION_2}
      type Query { one: Item a: Item @provides(fields: "name owner { nick }") shared: Shared @shareable items: [Item!] }
      type Item @key(fields: "id") {
        id: ID!
        name: String @external
        owner: Owner @external
        moved: String
        kept: String @shareable
      }
      type Owner @key(fields: "id") { id: ID! nick: String @external }
      type Shared @shareable { left: Int both: String }`,
    resolvers: {
      Query: {
        one: () => ({ id: '1' }),
        items: () => [{ id: '1' }, { id: '2' }],
        a: () => ({ id: '1', name: 'a’s name', owner: { id: 'o', nick: 'a’s nick' } }),
        shared: () => ({ left: 1, both: 'both' }),
      },
      Item: { __resolveReference: ({ id }: Ref) => ({ id }), moved: () => 'a', kept: () => 'kept' },
    },
  },
  b: {
    sdl: `${FEDERATION_2}
      type Query { b: Item shared: Shared @shareable }
      type Item @key(fields: "id") {
        id: ID! name: String @shareable owner: Owner @shareable moved: String @override(from: "a") kept: String @shareable
      }
      type Owner @key(fields: "id") { id: ID! nick: String @shareable age: Int }
      type Shared @shareable { right: Int both: String }`,
    resolvers: {
      Query: { b: () => ({ id: '1' }), shared: () => ({ right: 2, both: 'both' }) },
      Item: {
        __resolveReference: ({ id }: Ref) => ({ id }),
        name: () => 'b’s name',
        owner: () => ({ id: 'o' }),
        moved: () => 'b',
        kept: () => 'kept',
      },
      Owner: { __resolveReference: ({ id }: Ref) => ({ id }), nick: () => 'b’s nick', age: () => 40 },
    },
  },
})
afterAll(() => federation[Symbol.asyncDispose]())

const services = (asked: { readonly received: readonly { readonly service: string }[] }) =>
  asked.received.map(({ service }) => service)

describe('a field of several subgraphs', () => {
  test('is fetched from a subgraph that is queried anyway', async () => {
    expect(services(await federation.ask('{ one { id kept } }'))).toEqual(['a'])
    expect(services(await federation.ask('{ b { id kept } }'))).toEqual(['b'])
  })

  test('at the root is merged from all subgraphs that have a part of it', async () => {
    const { data } = await federation.ask('{ shared { left right both } }')
    expect(data).toEqual({ shared: { left: 1, right: 2, both: 'both' } })
  })

  test('keeps the parts of the other subgraphs when one fails', async () => {
    const { data, errors } = await federation.ask('{ shared { left right } }', {}, ({ service }) =>
      service === 'b' ? { data: null, errors: [{ message: 'down', path: ['shared'] }] } : undefined,
    )
    expect(data).toEqual({ shared: { left: 1, right: null } })
    expect(errors).toMatchObject([{ message: 'down' }])
  })
})

describe('a provided field', () => {
  test('is taken from the providing subgraph without another request', async () => {
    const asked = await federation.ask('{ a { name owner { nick } } }')
    expect(asked.data).toEqual({ a: { name: 'a’s name', owner: { nick: 'a’s nick' } } })
    expect(services(asked)).toEqual(['a'])
  })

  test('is fetched elsewhere on a path that does not provide it', async () => {
    const asked = await federation.ask('{ one { name owner { nick } } }')
    expect(asked.data).toEqual({ one: { name: 'b’s name', owner: { nick: 'b’s nick' } } })
  })

  test('does not prevent the fetch of the other fields', async () => {
    const { data } = await federation.ask('{ a { name owner { nick age } } }')
    expect(data).toEqual({ a: { name: 'a’s name', owner: { nick: 'a’s nick', age: 40 } } })
  })
})

describe('an overridden field', () => {
  test('is fetched from its new subgraph', async () => {
    const { data, received } = await federation.ask('{ items { moved } }')
    expect(data).toEqual({ items: [{ moved: 'b' }, { moved: 'b' }] })
    expect(received.map(({ query }) => query).join()).not.toMatch(/items\{[^}]*moved/)
  })
})

describe('a progressively overridden field', () => {
  const moving = (label: string) => ({
    old: { sdl: `${FEDERATION_2} type Query { it: It } type It @key(fields: "id") { id: ID! f: Int }` },
    new: {
      sdl: `${FEDERATION_2} type It @key(fields: "id") { id: ID! f: Int @override(from: "old", label: "${label}") }`,
    },
  })
  const answer = ({ query }: { readonly query: string }) =>
    query.includes('_entities')
      ? { data: { _entities: [{ f: 2 }] } }
      : { data: { it: { __typename: 'It', id: '1', f: 1, x: 1 } } }
  const moved = async (label: string) => {
    await using federation = await federate(moving(label))
    const asked = await Promise.all(
      Array.from({ length: 200 }, (_, index) => federation.ask(`query Q${index} { it { f } }`, {}, answer)),
    )
    return asked.map(({ received }) => received.length > 1)
  }

  test('moves for its share of operations, and those stay moved as the share grows', async () => {
    const few = await moved('percent(10)')
    const many = await moved('percent(60)')
    expect(few.filter(Boolean).length).toBeGreaterThan(5)
    expect(few.filter(Boolean).length).toBeLessThan(40)
    expect(many.filter(Boolean).length).toBeGreaterThan(90)
    expect(many.filter(Boolean).length).toBeLessThan(150)
    expect(few.every((one, index) => !one || many[index])).toBe(true)
  })

  test('does not move when its label is of an unknown kind', async () => {
    expect((await moved('beta')).some(Boolean)).toBe(false)
  })
})
