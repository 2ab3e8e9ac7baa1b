// The lists of the web graph: pages forwards and backwards over the same items, and what is refused.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type GraphSession,
  openGraphSession,
  openShopperSession,
  placeOrder,
} from '#test/fixtures/graph-session.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { addProduct } from '#testbed/shop-client.ts'

let platform: TestPlatform
let shopper: GraphSession
let ops: GraphSession
let orderIds: string[]
beforeAll(async () => {
  platform = await startPlatform({ CARRIER_SANDBOX_STEP_MS: '3600000' }) // parcels stay where they are
  const prices = { apple: '3.00', bowl: '1.00', cup: '2.00', dish: '1.00', egg: '5.00' }
  for (const [sku, price] of Object.entries(prices))
    await addProduct(platform, { sku, price, stock: { 'BER-1': 100 } })
  shopper = await openShopperSession(platform, 'Grace')
  ops = openGraphSession(platform, 'bff-web', await platform.token('ops'))
  orderIds = []
  for (const sku of Object.keys(prices))
    orderIds.unshift(
      await placeOrder(shopper, { idempotencyKey: sku, sku, deliveryInstructions: 'SANDBOX_HOLD' }),
    )
})
afterAll(() => platform?.[Symbol.asyncDispose]())

type PageInfo = {
  readonly hasNextPage: boolean
  readonly hasPreviousPage: boolean
  readonly startCursor: string | null
  readonly endCursor: string | null
}
type Connection = {
  readonly edges: readonly { readonly cursor: string; readonly node: { readonly id: string } }[]
  readonly nodes: readonly { readonly id: string }[]
  readonly pageInfo: PageInfo
  readonly totalCount: number
  readonly totalCountCapped: boolean
}

/** Relay sends every argument of a list, with null for those that it does not use. */
const EVERY = { sort: null, first: null, after: null, last: null, before: null }

function queryOf(field: 'orders' | 'products' | 'fulfilments'): string {
  const sort = { orders: 'OrderSort', products: 'ProductSort', fulfilments: 'FulfilmentSort' }[field]
  return `query ($sort: ${sort}, $first: Int, $after: String, $last: Int, $before: String) {
    ${field}(sort: $sort, first: $first, after: $after, last: $last, before: $before) {
      edges { cursor node { id } } nodes { id }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount totalCountCapped
    } }`
}

const LISTS = [
  ['orders, newest first', 'orders', null, () => orderIds],
  ['orders, oldest first', 'orders', { field: 'PLACED_AT', direction: 'ASC' }, () => orderIds.toReversed()],
  ['products by title', 'products', null, () => skus('apple', 'bowl', 'cup', 'dish', 'egg')],
  [
    'products by price, downwards',
    'products',
    { field: 'PRICE', direction: 'DESC' },
    () => skus('egg', 'apple', 'cup', 'dish', 'bowl'),
  ],
  [
    'products, newest first',
    'products',
    { field: 'ADDED_AT', direction: 'DESC' },
    () => skus('egg', 'dish', 'cup', 'bowl', 'apple'),
  ],
] as const
const skus = (...names: string[]) => names.map(name => `prd_${name}`)

describe.each(LISTS)('the list of %s', (_name, field, sort, expected) => {
  const pageOf = async (variables: object): Promise<Connection> => {
    const data = await shopper.data<Record<string, Connection>>(queryOf(field), {
      ...EVERY,
      sort,
      ...variables,
    })
    const page = data[field]
    if (!page) throw new Error(`there is no ${field}`)
    expect(page.nodes).toEqual(page.edges.map(({ node }) => node))
    expect(page.pageInfo.startCursor).toBe(page.edges[0]?.cursor ?? null)
    expect(page.pageInfo.endCursor).toBe(page.edges.at(-1)?.cursor ?? null)
    expect({ count: page.totalCount, capped: page.totalCountCapped }).toEqual({ count: 5, capped: false })
    return page
  }
  const idsOf = ({ nodes }: Connection) => nodes.map(({ id }) => id)

  test('has the same items with the same cursors in both directions, and says what is on either side', async () => {
    const whole = await pageOf({})
    expect(idsOf(whole)).toEqual(expected())
    expect(whole.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: false })

    const forwards: Connection[] = [await pageOf({ first: 2 })]
    while (forwards.at(-1)?.pageInfo.hasNextPage)
      forwards.push(await pageOf({ first: 2, after: forwards.at(-1)?.pageInfo.endCursor }))
    expect(forwards.map(page => page.nodes.length)).toEqual([2, 2, 1])
    expect(forwards.map(page => page.pageInfo.hasPreviousPage)).toEqual([false, true, true])
    expect(forwards.flatMap(page => page.edges)).toEqual(whole.edges)

    const backwards: Connection[] = [await pageOf({ last: 2 })]
    while (backwards[0]?.pageInfo.hasPreviousPage)
      backwards.unshift(await pageOf({ last: 2, before: backwards[0].pageInfo.startCursor }))
    expect(backwards.map(page => page.nodes.length)).toEqual([1, 2, 2])
    expect(backwards.map(page => page.pageInfo.hasNextPage)).toEqual([true, true, false])
    expect(backwards.flatMap(page => page.edges)).toEqual(whole.edges)
  })

  test('is empty behind its end and before its beginning, with the truth about the other side', async () => {
    const { startCursor, endCursor } = (await pageOf({})).pageInfo
    const none = { startCursor: null, endCursor: null }
    expect((await pageOf({ first: 1, after: endCursor })).pageInfo).toEqual({
      ...none,
      ...{ hasNextPage: false, hasPreviousPage: true },
    })
    expect((await pageOf({ last: 1, before: startCursor })).pageInfo).toEqual({
      ...none,
      ...{ hasNextPage: true, hasPreviousPage: false },
    })
  })
})

describe('a page of orders', () => {
  const query = queryOf('orders')
  const cursorOf = async (variables: object) =>
    (await shopper.data<{ orders: Connection }>(query, { first: 1, ...variables })).orders.pageInfo.endCursor

  test.each([
    ['both `first` and `last`', { first: 1, last: 1 }],
    ['a negative `first`', { first: -1 }],
    ['a negative `last`', { last: -1 }],
    ['no items', { first: 0 }],
    ['no items from the end', { last: 0 }],
    ['more than 100 items', { first: 101 }],
    ['more than 100 items from the end', { last: 101 }],
    ['a malformed cursor', { after: 'junk' }],
    ['a malformed cursor from the end', { last: 1, before: 'junk' }],
  ])('is refused for %s', async (_what, variables) => {
    expect(await shopper.codeOf(query, variables)).toBe('BAD_USER_INPUT')
  })

  test('is refused for `last` with `after`, and for `first` with `before`', async () => {
    const cursor = await cursorOf({})
    expect(await shopper.codeOf(query, { last: 1, after: cursor })).toBe('BAD_USER_INPUT')
    expect(await shopper.codeOf(query, { first: 1, before: cursor })).toBe('BAD_USER_INPUT')
    expect(await shopper.codeOf(query, { after: cursor, before: cursor })).toBe('BAD_USER_INPUT')
  })

  test('is refused for a cursor of another list, and of another order of its items', async () => {
    const { products } = await shopper.data<{ products: Connection }>(queryOf('products'), { first: 1 })
    expect(await shopper.codeOf(query, { after: products.pageInfo.endCursor })).toBe('BAD_USER_INPUT')
    const oldest = { field: 'PLACED_AT', direction: 'ASC' }
    const cursor = await cursorOf({ sort: oldest })
    expect(await shopper.codeOf(query, { after: cursor })).toBe('BAD_USER_INPUT')
    expect(await shopper.codeOf(query, { sort: oldest, after: cursor })).toBeUndefined()
  })

  test('is refused for a sort that there is not', async () => {
    expect(await shopper.codeOf('{ orders(sort: { field: TOTAL, direction: ASC }) { nodes { id } } }')).toBe(
      'BAD_USER_INPUT',
    )
  })

  test('of a customer is the same below the customer', async () => {
    const below = '{ me { id orders(last: 2) { nodes { id } totalCount pageInfo { hasPreviousPage } } } }'
    expect(await shopper.data(below)).toMatchObject({
      me: {
        orders: {
          nodes: orderIds.slice(-2).map(id => ({ id })),
          totalCount: 5,
          pageInfo: { hasPreviousPage: true },
        },
      },
    })
  })
})

test('fulfilments are listed both ways to staff', async () => {
  type Page = { readonly fulfilments: Connection }
  const query = queryOf('fulfilments')
  // A fulfilment is listed once it has paused, within two seconds.
  await expect.poll(async () => (await ops.data<Page>(query)).fulfilments.totalCount).toBe(5)
  const { fulfilments: whole } = await ops.data<Page>(query)
  const { fulfilments: end } = await ops.data<Page>(query, { last: 2 })
  expect(end.edges).toEqual(whole.edges.slice(-2))
  const { fulfilments: before } = await ops.data<Page>(query, { last: 2, before: end.pageInfo.startCursor })
  expect(before.edges).toEqual(whole.edges.slice(1, 3))
  expect(before.pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: true })
  expect(await shopper.codeOf(query)).toBe('FORBIDDEN')
})
