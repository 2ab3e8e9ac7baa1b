import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '#platform/domain/ids.ts'
import type {
  Order,
  OrderConnection,
  OrderSnapshot,
  Product,
  ProductConnection,
} from '#schema/generated/bff-web.ts'
import {
  type GraphSession,
  openGraphSession,
  openShopperSession,
  placeOrder,
} from '#test/fixtures/graph-session.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { addProduct } from '#testbed/shop-client.ts'

let platform: TestPlatform
beforeAll(async () => {
  platform = await startPlatform({ CARRIER_SANDBOX_STEP_MS: '3600000' }) // parcels stay where they are
  await Promise.all([
    addProduct(platform, { sku: 'tea-pot', price: '30.00', stock: { 'BER-1': 10 } }),
    addProduct(platform, { sku: 'tea-cup', price: '8.00', stock: { 'BER-1': 5, 'NYC-1': 100 } }),
    addProduct(platform, { sku: 'coffee-mug', price: '12.00', stock: { 'BER-1': 100 } }),
    addProduct(platform, { sku: 'tea-strainer', price: '4.00', stock: {} }),
  ])
})
afterAll(() => platform?.[Symbol.asyncDispose]())

describe('a customer', () => {
  test('registers, and is identified by the token from then on', async () => {
    const id = newId('customer')
    const browser = openGraphSession(platform, 'bff-web', await platform.token('customer', id))
    const me = '{ me { id name email } }'
    expect(await browser.data(me)).toEqual({ me: null })
    const input = { idempotencyKey: `register-${id}`, name: 'Ada', email: 'ada@shop.example' }
    const register =
      'mutation ($input: RegisterCustomerInput!) { registerCustomer(input: $input) { ... on CustomerRegistered { customer { id name email } } } }'
    const customer = { id, name: 'Ada', email: 'ada@shop.example' }
    expect(await browser.data(register, { input })).toEqual({ registerCustomer: { customer } })
    expect(await browser.data(me)).toEqual({ me: customer })
    const refused =
      'mutation ($input: RegisterCustomerInput!) { registerCustomer(input: $input) { __typename ... on Refusal { code path } } }'
    expect(await browser.data(refused, { input: { ...input, name: 'Augusta' } })).toEqual({
      registerCustomer: {
        ...{ __typename: 'IdempotencyConflict', code: 'CONFLICT' },
        path: ['input', 'idempotencyKey'],
      },
    })
    expect(
      await browser.data(refused, { input: { ...input, idempotencyKey: 'no-email', email: 'nowhere' } }),
    ).toEqual({
      registerCustomer: { __typename: 'InvalidInput', code: 'BAD_USER_INPUT', path: ['input', 'email'] },
    })
  })
})

describe('the catalogue', () => {
  const QUERY = `query ($filter: ProductFilter, $sort: ProductSort, $first: Int, $after: String) {
    products(filter: $filter, sort: $sort, first: $first, after: $after) {
      nodes { id sku title category price { amount currency } available availability }
      pageInfo { hasNextPage endCursor }
      totalCount totalCountCapped
    }
    categories
  }`
  type Page = { readonly products: ProductConnection; readonly categories: readonly string[] }
  const skusOf = async (variables: object) => {
    const { products } = await openGraphSession(platform, 'bff-web').data<Page>(QUERY, variables)
    return products.nodes.map(product => product.sku)
  }

  test('is visible to everybody, page by page, each product once', async () => {
    const browser = openGraphSession(platform, 'bff-web')
    const seen: string[] = []
    let after: string | null | undefined
    for (let page = 0; page < 4; page++) {
      const { products, categories } = await browser.data<Page>(QUERY, { first: 1, after })
      seen.push(...products.nodes.map(product => product.sku))
      expect(products).toMatchObject({ totalCount: 4, totalCountCapped: false })
      expect(products.pageInfo.hasNextPage).toBe(page < 3)
      expect(categories).toEqual(['test'])
      after = products.pageInfo.endCursor
    }
    expect(seen).toEqual(['coffee-mug', 'tea-cup', 'tea-pot', 'tea-strainer'])
  })

  test.each([
    ['PRICE', 'ASC', ['tea-strainer', 'tea-cup', 'coffee-mug', 'tea-pot']],
    ['PRICE', 'DESC', ['tea-pot', 'coffee-mug', 'tea-cup', 'tea-strainer']],
    ['TITLE', 'DESC', ['tea-strainer', 'tea-pot', 'tea-cup', 'coffee-mug']],
  ])('is sorted by %s %s', async (field, direction, skus) => {
    expect(await skusOf({ sort: { field, direction } })).toEqual(skus)
  })

  test.each([
    ['a word of the title', { text: 'COFFEE' }, ['coffee-mug']],
    ['the beginnings of words, in any order', { text: 'po te' }, ['tea-pot']],
    ['what is there', { text: 'tea', inStock: true }, ['tea-cup', 'tea-pot']],
    ['a category', { category: 'test', text: 'strainer' }, ['tea-strainer']],
    ['a category that is not', { category: 'none' }, []],
    ['nothing that there is', { text: 'kettle' }, []],
  ])('is searched by %s', async (_what, filter, skus) => {
    expect(await skusOf({ filter })).toEqual(skus)
  })

  test('refuses a page that is too long and an invalid cursor', async () => {
    const browser = openGraphSession(platform, 'bff-web')
    expect(await browser.codeOf(QUERY, { first: 101 })).toBe('BAD_USER_INPUT')
    expect(await browser.codeOf(QUERY, { after: 'nonsense' })).toBe('BAD_USER_INPUT')
  })
})

describe("a product's page", () => {
  const QUERY = `query ($sku: ID!, $country: String! = "US") {
    product(sku: $sku) {
      title price { amount currency } weightGrams dimensions { lengthCm } available availability
      shippingEstimate(country: $country) { fee { amount currency } days }
      stock { warehouse { code } onHand reserved available }
    }
  }`
  const pageOf = async (browser: GraphSession, variables: object) =>
    (await browser.data<{ product: Product | null }>(QUERY, variables)).product

  test('has the shipping costs to a country, in the currency of the product', async () => {
    const browser = openGraphSession(platform, 'bff-web')
    const german = await pageOf(browser, { sku: 'tea-cup', country: 'DE' })
    expect(german).toMatchObject({
      title: 'Product tea-cup',
      available: 105,
      availability: 'IN_STOCK',
      shippingEstimate: { fee: { amount: '4.22', currency: 'USD' }, days: 2 },
      stock: null,
    })
    const american = await pageOf(browser, { sku: 'tea-cup' })
    expect(american?.shippingEstimate?.days).toBe(10)
    const antarctic = await pageOf(browser, { sku: 'tea-cup', country: 'AQ' })
    expect(antarctic?.shippingEstimate).toBeNull()
  })

  test('shows stock by warehouse to staff, and is null for a product that does not exist', async () => {
    const ops = openGraphSession(platform, 'bff-web', await platform.token('ops'))
    expect((await pageOf(ops, { sku: 'tea-cup' }))?.stock).toEqual([
      { warehouse: { code: 'BER-1' }, onHand: 5, reserved: 0, available: 5 },
      { warehouse: { code: 'NYC-1' }, onHand: 100, reserved: 0, available: 100 },
    ])
    expect(await pageOf(ops, { sku: 'nothing' })).toBeNull()
  })
})

describe('a shipping quote', () => {
  const QUERY = `query ($input: ShippingQuoteInput!) { shippingQuote(input: $input) {
    ... on ShippingQuote { fee { amount currency } days validUntil } ... on Refusal { code message path } } }`

  test('costs more and is faster by express, and is valid for a while', async () => {
    const browser = openGraphSession(platform, 'bff-web')
    const quote = async (option: string) =>
      (
        await browser.data<{ shippingQuote: { fee: { amount: string }; days: number; validUntil: string } }>(
          QUERY,
          { input: { country: 'DE', weightGrams: 1500, option, currency: 'EUR' } },
        )
      ).shippingQuote
    const [standard, express] = [await quote('STANDARD'), await quote('EXPRESS')]
    expect(standard).toMatchObject({ fee: { amount: '5.90', currency: 'EUR' }, days: 2 })
    expect(express).toMatchObject({ fee: { amount: '12.98', currency: 'EUR' }, days: 1 })
    expect(Date.parse(standard.validUntil)).toBeGreaterThan(Date.now())
  })

  test('is refused for a country without a carrier', async () => {
    const input = { country: 'AQ', weightGrams: 1500, currency: 'EUR' }
    expect(await openGraphSession(platform, 'bff-web').data(QUERY, { input })).toEqual({
      shippingQuote: {
        code: 'COUNTRY_NOT_SERVED',
        message: expect.stringMatching(/\.$/),
        path: ['input', 'country'],
      },
    })
  })
})

describe('the list of orders', () => {
  const QUERY = `query ($filter: OrderFilter, $first: Int, $after: String) {
    orders(filter: $filter, first: $first, after: $after) {
      nodes { id number reference status customer { name } total { amount } placedAt lines { sku } }
      pageInfo { hasNextPage endCursor }
    }
  }`
  const listed = async (browser: GraphSession, filter: object = {}) =>
    (await browser.data<{ orders: OrderConnection }>(QUERY, { filter })).orders.nodes

  let grace: GraphSession
  let ids: string[]
  beforeAll(async () => {
    grace = await openShopperSession(platform, 'Grace Hopper')
    ids = []
    for (const reference of ['Spring 1', 'Spring 2', 'Autumn'])
      ids.push(await placeOrder(grace, { idempotencyKey: reference, sku: 'coffee-mug', reference }))
    const cancel =
      'mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { ... on OrderCancelled { order { status } } } }'
    const input = { idempotencyKey: 'cancel', orderId: ids[1], settleWithinMs: 10_000 }
    expect(await grace.data(cancel, { input })).toEqual({ cancelOrder: { order: { status: 'CANCELLED' } } })
  })

  test('has the newest first, page by page', async () => {
    const seen: string[] = []
    let after: string | null | undefined
    for (let page = 0; page < 3; page++) {
      const { orders } = await grace.data<{ orders: OrderConnection }>(QUERY, { first: 1, after })
      seen.push(...orders.nodes.map(order => order.id))
      expect(orders.pageInfo.hasNextPage).toBe(page < 2)
      after = orders.pageInfo.endCursor
    }
    expect(seen).toEqual(ids.toReversed())
  })

  test.each([
    ['a reference', { text: 'spring' }, ['Spring 2', 'Spring 1']],
    ['several words', { text: 'hopper autumn' }, ['Autumn']],
    ['a status', { status: ['CANCELLED'] }, ['Spring 2']],
    ['several statuses', { status: ['CONFIRMED', 'CANCELLED'], text: 'spring' }, ['Spring 2', 'Spring 1']],
    ['a day to come', { placedFrom: '2999-01-01T00:00:00.000Z' }, []],
    ['a time that is past', { placedTo: '2001-01-01T00:00:00.000Z' }, []],
  ])('is filtered by %s', async (_what, filter, references) => {
    expect((await listed(grace, filter)).map(order => order.reference)).toEqual(references)
  })

  test('is filtered by the time of placing, from one instant on and before another', async () => {
    const [, second, third] = (await listed(grace)).toReversed()
    const filter = { placedFrom: second?.placedAt, placedTo: third?.placedAt }
    expect((await listed(grace, filter)).map(order => order.id)).toEqual([second?.id])
  })

  test('shows customers their own orders, and staff all', async () => {
    const other = await openShopperSession(platform, 'Edsger Dijkstra')
    const own = await placeOrder(other, { idempotencyKey: 'own', sku: 'coffee-mug' })
    expect((await listed(other)).map(order => order.id)).toEqual([own])
    expect(await listed(other, { text: 'hopper' })).toEqual([])
    const support = openGraphSession(platform, 'bff-web', await platform.token('support'))
    const names = async (filter: object) => (await listed(support, filter)).map(order => order.customer.name)
    await expect.poll(() => names({ text: 'dijkstra' })).toEqual(['Edsger Dijkstra'])
    expect(new Set(await names({ text: 'grace' }))).toEqual(new Set(['Grace Hopper']))
  })

  test('is refused without a token', async () => {
    expect(await openGraphSession(platform, 'bff-web').codeOf(QUERY)).toBe('UNAUTHENTICATED')
  })
})

describe('an order as of a past instant', () => {
  const QUERY = `query ($id: ID!, $at: DateTime!) {
    orderAsOf(id: $id, at: $at) { version status lines { sku quantity unitPrice { amount } } total { currency } } }`
  const PAGE = 'query ($id: ID!) { order(id: $id) { placedAt status timeline { at type } } }'

  test('shows its state at that time', async () => {
    const alan = await openShopperSession(platform, 'Alan')
    const id = await placeOrder(alan, { idempotencyKey: 'history', sku: 'tea-pot' })
    const { order } = await alan.data<{ order: Order }>(PAGE, { id })
    const asOf = async (at: string | number) =>
      (await alan.data<{ orderAsOf: OrderSnapshot | null }>(QUERY, { id, at: new Date(at).toISOString() }))
        .orderAsOf
    const lines = [{ sku: 'tea-pot', quantity: 1, unitPrice: { amount: '30.00' } }]
    expect(await asOf(Date.parse(order.placedAt) - 1000)).toBeNull()
    expect(await asOf(Date.now())).toEqual({
      version: expect.any(Number),
      status: 'CONFIRMED',
      lines,
      total: { currency: 'USD' },
    })
    const confirmed = order.timeline.find(entry => entry.type === 'ORDER_CONFIRMED')
    const before = await asOf(Date.parse(confirmed?.at ?? '') - 1)
    expect(before).toMatchObject({ status: 'PLACED', version: 1, lines })
  })

  test('of another customer is null, and an invalid time is refused', async () => {
    const id = await placeOrder(await openShopperSession(platform, 'Barbara'), {
      idempotencyKey: 'hers',
      sku: 'tea-pot',
    })
    const stranger = await openShopperSession(platform, 'Stranger')
    const at = new Date().toISOString()
    expect(await stranger.data(QUERY, { id, at })).toEqual({ orderAsOf: null })
    expect(await stranger.codeOf(QUERY, { id, at: 'yesterday' })).toBe('BAD_USER_INPUT')
  })
})
