// Tests that mutations run one after the other, each with all its fetches before the next begins.
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { FEDERATION_2, federate } from '#test/gateway/conformance/in-process-federation.ts'

let log: string[] = []
beforeEach(() => {
  log = []
})

const federation = await federate({
  carts: {
    sdl: `${FEDERATION_2}
      type Query { cart: Cart }
      type Mutation { add(sku: ID!): Cart clear: Cart! fail: Cart }
      type Cart @key(fields: "id") { id: ID! skus: [ID!] }`,
    resolvers: {
      Mutation: {
        add: (_: unknown, { sku }: { sku: string }) => {
          log.push(`add ${sku}`)
          return { id: '1', skus: [...log.filter(line => line.startsWith('add'))] }
        },
        clear: () => {
          log.push('clear')
          return { id: '1', skus: [] }
        },
        fail: () => {
          log.push('fail')
          throw new Error('it did not work')
        },
      },
    },
  },
  prices: {
    sdl: `${FEDERATION_2}
      type Query { currency: String }
      type Mutation { discount(percent: Int!): Int }
      type Cart @key(fields: "id") { id: ID! total: Int }`,
    resolvers: {
      Mutation: {
        discount: (_: unknown, { percent }: { percent: number }) => {
          log.push(`discount ${percent}`)
          return percent
        },
      },
      Cart: {
        total: () => {
          log.push('total')
          return log.filter(line => line.startsWith('add')).length * 10
        },
      },
    },
  },
})
afterAll(() => federation[Symbol.asyncDispose]())

describe('mutations of several subgraphs', () => {
  test('run in the order in which they are written', async () => {
    const { data } = await federation.ask(
      'mutation { a: add(sku: 1) { id } discount(percent: 5) b: add(sku: 2) { skus } }',
    )
    expect(log).toEqual(['add 1', 'discount 5', 'add 2'])
    expect(data).toEqual({ a: { id: '1' }, discount: 5, b: { skus: ['add 1', 'add 2'] } })
  })

  test('run in one request when they are consecutive and of one subgraph', async () => {
    const { data, received } = await federation.ask(
      'mutation { a: add(sku: 1) { total } b: add(sku: 2) { total } }',
    )
    expect(data).toEqual({ a: { total: 20 }, b: { total: 20 } })
    expect(received.map(({ service }) => service)).toEqual(['carts', 'prices'])
  })

  test('see the effects of earlier ones in every subgraph', async () => {
    const { data } = await federation.ask(
      'mutation { a: add(sku: 1) { total } discount(percent: 1) b: add(sku: 2) { skus } }',
    )
    expect(data).toMatchObject({
      a: { total: expect.any(Number) },
      discount: 1,
      b: { skus: ['add 1', 'add 2'] },
    })
    expect(log.filter(line => line !== 'total')).toEqual(['add 1', 'discount 1', 'add 2'])
  })

  test('continue after one that failed', async () => {
    const { data, errors } = await federation.ask('mutation { fail { total } discount(percent: 3) }')
    expect(data).toEqual({ fail: null, discount: 3 })
    expect(errors).toMatchObject([{ message: 'it did not work', path: ['fail'] }])
    expect(log).toEqual(['fail', 'discount 3'])
  })

  test('keep their order under conditions', async () => {
    await federation.ask(
      `mutation ($x: Boolean!) {
        a: add(sku: 1) @include(if: $x) { id } discount(percent: 1) b: add(sku: 2) @include(if: $x) { id }
        ... @include(if: $x) { c: discount(percent: 2) } d: add(sku: 3) { id }
      }`,
      { x: true },
    )
    expect(log).toEqual(['add 1', 'discount 1', 'add 2', 'discount 2', 'add 3'])
  })

  test('run once when they are written twice under conditions', async () => {
    await federation.ask(
      'mutation ($x: Boolean!, $y: Boolean!) { add(sku: 1) @include(if: $x) { id } ... @include(if: $y) { add(sku: 1) { skus } } }',
      { x: true, y: true },
    )
    expect(log).toEqual(['add 1'])
  })

  test.each([
    [true, ['add 1', 'discount 5']],
    [false, ['discount 5', 'add 1']],
  ])('run once, at the first position whose condition holds (%s)', async (first, order) => {
    const query = `mutation ($first: Boolean!) {
      a: add(sku: 1) @include(if: $first) { id } discount(percent: 5) a: add(sku: 1) { skus }
    }`
    const { data } = await federation.ask(query, { first })
    expect(log).toEqual(order)
    expect(Object.keys(Object(data))).toEqual(first ? ['a', 'discount'] : ['discount', 'a'])
  })

  test('do not run when they are skipped', async () => {
    const { data } = await federation.ask(
      'mutation ($no: Boolean!) { add(sku: 1) @include(if: $no) { id } ... @include(if: $no) { clear { id } } discount(percent: 3) }',
      { no: false },
    )
    expect(data).toEqual({ discount: 3 })
    expect(log).toEqual(['discount 3'])
  })

  test('run once when they are written twice', async () => {
    const { data } = await federation.ask(
      'mutation { add(sku: 1) { id } ...F } fragment F on Mutation { add(sku: 1) { skus } }',
    )
    expect(data).toEqual({ add: { id: '1', skus: ['add 1'] } })
    expect(log).toEqual(['add 1'])
  })
})
