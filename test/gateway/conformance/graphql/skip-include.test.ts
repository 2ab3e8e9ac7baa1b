// Tests @skip, @include and variables at every position where they are allowed.
import { afterAll, describe, expect, test } from 'vitest'
import { FEDERATION_2, federate } from '#test/gateway/conformance/in-process-federation.ts'

type Ref = { readonly id: string }

const federation = await federate({
  goods: {
    sdl: `${FEDERATION_2}
      type Query { good: Good goods(first: Int = 2, by: By): [Good!] echo(text: [String], by: By, big: Float, id: ID, flag: Boolean): String }
      type Good @key(fields: "id") { id: ID! title: String weight: Int kind: Kind }
      interface Kind { name: String }
      type Toy implements Kind { name: String age: Int }
      input By { title: String = "any", under: Float, sub: By, list: [Int!] }`,
    resolvers: {
      Query: {
        good: () => good('1'),
        goods: (_: unknown, { first }: { first: number }) => ['1', '2', '3'].slice(0, first).map(good),
        echo: (_: unknown, given: object) => JSON.stringify(given),
      },
      Good: { __resolveReference: ({ id }: Ref) => good(id) },
    },
  },
  stock: {
    sdl: `${FEDERATION_2}
      type Query { warehouse: String }
      type Good @key(fields: "id") { id: ID! weight: Int @external stock: Int fee: Int @requires(fields: "weight") }`,
    resolvers: {
      Query: { warehouse: () => 'north' },
      Good: { stock: () => 5, fee: ({ weight }: { weight: number }) => weight * 2 },
    },
  },
})
afterAll(() => federation[Symbol.asyncDispose]())

function good(id: string) {
  return { id, title: `Good ${id}`, weight: 3, kind: { __typename: 'Toy', name: 'toy', age: 3 } }
}

describe('a condition', () => {
  test.each([
    ['{ good @skip(if: $yes) { id } warehouse @include(if: $no) }', {}],
    ['{ good @include(if: $no) { id } warehouse @skip(if: $no) }', { warehouse: 'north' }],
    [
      '{ ... @include(if: $no) { warehouse good { id } } ... @include(if: $yes) { warehouse } }',
      { warehouse: 'north' },
    ],
    ['{ ... on Query @skip(if: $yes) { warehouse } __typename @include(if: $yes) }', { __typename: 'Query' }],
    ['{ good { id @skip(if: $yes) } }', { good: {} }],
    ['{ good { id @skip(if: $yes) stock } }', { good: { stock: 5 } }],
    ['{ good { stock @include(if: $no) title @include(if: $yes) } }', { good: { title: 'Good 1' } }],
    [
      '{ good { stock @include(if: $yes) @skip(if: $yes) fee @include(if: $yes) @skip(if: $no) } }',
      { good: { fee: 6 } },
    ],
    ['{ good { weight @skip(if: $yes) fee } }', { good: { fee: 6 } }],
    ['{ good { ...F @skip(if: $yes) ...F @skip(if: $no) } }', { good: { stock: 5, kind: { name: 'toy' } } }],
    ['{ good { ...F @include(if: $no) id @include(if: $no) } }', { good: {} }],
    ['{ good { kind { ... on Toy @include(if: $no) { age } } } }', { good: { kind: {} } }],
    [
      '{ good { kind { __typename @skip(if: $no) ... on Toy { age @skip(if: $no) name @skip(if: $yes) } } } }',
      { good: { kind: { __typename: 'Toy', age: 3 } } },
    ],
    [
      '{ good { title title @include(if: $no) stock @skip(if: $yes) stock } }',
      { good: { title: 'Good 1', stock: 5 } },
    ],
    ['{ a: good { ... @include(if: $yes) { ... @skip(if: $no) { x: stock } } } }', { a: { x: 5 } }],
    [
      '{ good @skip(if: false) { title @include(if: true) id @skip(if: true) stock @include(if: false) } }',
      { good: { title: 'Good 1' } },
    ],
  ])('decides what is returned: %s', async (query, data) => {
    const declared = ['yes', 'no']
      .filter(name => query.includes(`$${name}`))
      .map(name => `$${name}: Boolean!`)
    const fragment = query.includes('...F') ? 'fragment F on Good { stock kind { name } }' : ''
    const text = `query ${declared.length > 0 ? `(${declared.join(', ')})` : ''} ${query} ${fragment}`
    const { data: got, errors } = await federation.ask(text, { yes: true, no: false })
    expect(errors).toBeUndefined()
    expect(got).toEqual(data)
  })

  test('prevents fetches for skipped fields', async () => {
    const { received } = await federation.ask(
      'query ($w: Boolean!) { good { title stock @include(if: $w) } }',
      {
        w: false,
      },
    )
    expect(received.map(({ service }) => service)).toEqual(['goods'])
  })

  test('uses the default of its variable', async () => {
    const { data } = await federation.ask(
      'query ($w: Boolean = true) { good { title @skip(if: $w) stock @include(if: $w) } }',
    )
    expect(data).toEqual({ good: { stock: 5 } })
  })
})

describe('variables', () => {
  test.each<[string, object, unknown]>([
    ['query ($n: Int) { goods(first: $n) { id } }', {}, { goods: [{ id: '1' }, { id: '2' }] }],
    ['query ($n: Int = 1) { goods(first: $n) { id } }', {}, { goods: [{ id: '1' }] }],
    [
      'query ($n: Int = 1) { goods(first: $n) { id } }',
      { n: 3 },
      { goods: [{ id: '1' }, { id: '2' }, { id: '3' }] },
    ],
    ['query ($t: [String]) { echo(text: $t) }', { t: 'one' }, { echo: '{"text":["one"]}' }],
    ['query ($t: [String]) { echo(text: $t) }', { t: null }, { echo: '{"text":null}' }],
    ['query ($t: String) { echo(text: ["a", $t]) }', {}, { echo: '{"text":["a",null]}' }],
    [
      'query ($b: By) { echo(by: $b) }',
      { b: { under: 1, sub: { list: 2 } } },
      { echo: '{"by":{"title":"any","under":1,"sub":{"title":"any","list":[2]}}}' },
    ],
    [
      'query ($u: Float) { echo(by: { under: $u }) }',
      { u: 1e300 },
      { echo: '{"by":{"title":"any","under":1e+300}}' },
    ],
    ['query ($u: Float) { echo(by: { under: $u }) }', {}, { echo: '{"by":{"title":"any"}}' }],
    [
      'query ($big: Float, $id: ID) { echo(big: $big, id: $id) }',
      { big: 9007199254740992, id: 12345678901234 },
      { echo: '{"big":9007199254740992,"id":"12345678901234"}' },
    ],
  ])('are coerced by their types and defaults: %s with %j', async (query, variables, data) => {
    expect((await federation.ask(query, { ...variables })).data).toEqual(data)
  })

  test.each<[string, object]>([
    ['query ($n: Int) { goods(first: $n) { id } }', { n: 2 ** 31 }],
    ['query ($n: Int) { goods(first: $n) { id } }', { n: 1.5 }],
    ['query ($n: Int!) { goods(first: $n) { id } }', {}],
    ['query ($b: By) { echo(by: $b) }', { b: { unknown: 1 } }],
    ['query ($b: By) { echo(by: $b) }', { b: { list: [null] } }],
    ['query ($f: Boolean) { echo(flag: $f) }', { f: 'true' }],
  ])('that are invalid are refused before any fetch: %s with %j', async (query, variables) => {
    const { data, errors, received } = await federation.ask(query, { ...variables })
    expect([data, errors?.length, received]).toEqual([undefined, 1, []])
  })
})

describe('the order of response fields follows the selections that apply', () => {
  test.each([
    ['{ good { stock @include(if: $n) id stock } }', false, ['id', 'stock']],
    ['{ good { stock @include(if: $n) id stock } }', true, ['stock', 'id']],
    ['{ good { ...F @skip(if: $n) id ...F } } fragment F on Good { stock }', true, ['id', 'stock']],
    ['{ good { ... @skip(if: $n) { stock id } id stock } }', true, ['id', 'stock']],
    ['{ good { ... @skip(if: $n) { stock id } id stock } }', false, ['stock', 'id']],
  ])('%s with %s', async (selected, n, order) => {
    const { data } = await federation.ask(`query ($n: Boolean!) ${selected}`, { n })
    expect(JSON.stringify(data)).toMatch(new RegExp(`"good":{"${order[0]}":[^,]+,"${order[1]}"`))
  })

  test('at the root, also when one execution follows another', async () => {
    const query = 'query ($n: Boolean!) { a: __typename @include(if: $n) good { id } a: __typename }'
    for (const [n, order] of [
      [true, ['a', 'good']],
      [false, ['good', 'a']],
      [true, ['a', 'good']],
    ] as const)
      expect(Object.keys(Object((await federation.ask(query, { n })).data))).toEqual(order)
  })
})

describe('fragments', () => {
  test('that spread one another many times cost no more than their fields', async () => {
    const levels = Array.from(
      { length: 11 },
      (_, index) => `fragment F${index} on Good { ...F${index + 1} ...F${index + 1} }`,
    )
    const { data, errors } = await federation.ask(
      `{ good { ...F0 } } ${levels.join('\n')} fragment F11 on Good { stock }`,
    )
    expect(errors).toBeUndefined()
    expect(data).toEqual({ good: { stock: 5 } })
  })
})
