import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Order } from '#schema/generated/bff-web.ts'
import { type RecordedBff, startRecordedBff } from '#test/bff-web/recorded-bff.ts'
import { type GraphSession, placeOrder } from '#test/fixtures/graph-session.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { subscribe } from '#test/fixtures/subscription-client.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import { addProduct, registerShopper, type Shopper } from '#testbed/shop-client.ts'

let platform: TestPlatform
let edge: RecordedBff
let shopper: Shopper
let stranger: Shopper
let customer: GraphSession
let other: GraphSession
let support: GraphSession
let ops: GraphSession
let nobody: GraphSession
let orderId: string

beforeAll(async () => {
  platform = await startPlatform({ CARRIER_SANDBOX_STEP_MS: '3600000' }) // parcels stay where they are
  edge = await startRecordedBff(platform)
  for (const sku of ['cap', 'scarf'])
    await addProduct(platform, { sku, price: '9.00', stock: { 'BER-1': 50 } })
  shopper = await registerShopper(platform, 'Ada')
  stranger = await registerShopper(platform, 'Eve')
  customer = edge.browser(shopper.token)
  other = edge.browser(stranger.token)
  support = edge.browser(await platform.token('support'))
  ops = edge.browser(await platform.token('ops'))
  nobody = edge.browser()
  orderId = await buy(customer, 'first')
  await settled(orderId)
})
afterAll(async () => {
  await edge?.[Symbol.asyncDispose]()
  await platform?.[Symbol.asyncDispose]()
})

function buy(browser: GraphSession, idempotencyKey: string): Promise<string> {
  const lines = [
    { sku: 'cap', quantity: 1 },
    { sku: 'scarf', quantity: 2 },
  ]
  return placeOrder(browser, { idempotencyKey, sku: 'cap', lines, deliveryInstructions: 'SANDBOX_HOLD' })
}

/** Until nothing more happens to the order by itself: its label is booked, and its money is taken. */
async function settled(id: string): Promise<void> {
  const page = 'query ($id: ID!) { order(id: $id) { shipments { status } payments { status } } }'
  await vi.waitFor(async () => {
    const { order } = await support.data<{ order: Order }>(page, { id })
    expect(order.shipments).toEqual([{ status: 'LABELLED' }])
    expect(order.payments).toEqual([{ status: 'CAPTURED' }])
  }, WAIT)
}

const WHOLE = `query ($id: ID!) { order(id: $id) {
  id number status awaitingApproval customer { id name email } total { amount currency }
  lines { sku title product { title available availability price { amount } } }
  timeline { type text } allowedActions
  reservation { status allocations { sku quantity } } payments { status amount { amount } } shipments { status }
  returns { id } notices { section code message } } }`

describe('a cold page', () => {
  test('of an order costs one request, whatever is selected and under however many aliases', async () => {
    const fresh = await startRecordedBff(platform)
    await using _ = fresh
    const browser = fresh.browser(shopper.token)
    const second = await buy(customer, 'second')
    await settled(second)
    const query = `query ($one: ID!, $two: ID!) {
      a: order(id: $one) { ...Page } b: order(id: $one) { payments { status } } c: order(id: $two) { ...Page }
      me { name } orders { nodes { id } } products { nodes { sku } } categories
    }
    fragment Page on Order { status lines { product { available } } reservation { status } shipments { id } }`
    const { result, requests } = await fresh.during(() =>
      browser.data<object>(query, { one: orderId, two: second }),
    )
    expect(result).toMatchObject({
      a: { status: 'CONFIRMED', reservation: { status: 'COMMITTED' } },
      b: { payments: [{ status: 'CAPTURED' }] },
      me: { name: 'Ada' },
      categories: ['test'],
    })
    expect(requests).toHaveLength(1)
    expect((await fresh.during(() => browser.data(query, { one: orderId, two: second }))).requests).toEqual(
      [],
    )
  })

  test('of a product costs one request, and a second one for its shipping costs', async () => {
    await using fresh = await startRecordedBff(platform)
    const browser = fresh.browser()
    const page = '{ product(sku: "cap") { title available } }'
    expect((await fresh.during(() => browser.data(page))).requests).toHaveLength(1)
    const whole = '{ product(sku: "scarf") { title shippingEstimate { days } notices { section } } }'
    expect((await fresh.during(() => browser.data(whole))).requests).toHaveLength(2)
    expect((await fresh.during(() => browser.data(whole))).requests).toEqual([])
  })

  test('of a list costs one request with every section of its orders, and of its customer', async () => {
    await using fresh = await startRecordedBff(platform)
    const browser = fresh.browser(shopper.token)
    const sections = `status itemsTotal { amount } timeline { type } lines { shippedQuantity product { available } }
      reservation { status } payments { status } shipments { status } notices { section }`
    const query = `{ orders(first: 1) { totalCount edges { node { id ${sections} } } } me { id } }`
    type Listed = { orders: { totalCount: number; edges: { node: object }[] } }
    const { result, requests } = await fresh.during(() => browser.data<Listed>(query))
    expect(requests).toHaveLength(1)
    expect(result.orders.edges[0]?.node).toMatchObject({
      lines: [{ product: { available: expect.any(Number) } }, {}],
      payments: [{ status: 'CAPTURED' }],
      shipments: [{ status: 'LABELLED' }],
      notices: [],
    })
    expect((await fresh.during(() => browser.data(query))).requests).toEqual([])
    const light = await fresh.during(() => browser.data('{ orders(last: 1) { nodes { id status } } }'))
    const { details, products, payments, counted } = light.requests[0]?.[0]?.variables ?? {}
    expect({ details, products, payments, counted }).toEqual({
      ...{ details: false, products: false, payments: false, counted: false },
    })
  })

  test('of products costs one request, with what their pages show and the counts', async () => {
    await using fresh = await startRecordedBff(platform)
    const browser = fresh.browser()
    const query = `{ products { totalCount nodes { id title description images { url } weightGrams variants { sku } }
      facets { categories { value count } } } categories }`
    expect((await fresh.during(() => browser.data(query))).requests).toHaveLength(1)
    expect((await fresh.during(() => browser.data(query))).requests).toEqual([])
  })

  test('of the operations dashboard costs one request for all of its sections', async () => {
    await using fresh = await startRecordedBff(platform)
    const browser = fresh.browser(await platform.token('ops'))
    const page = `{ operations { orderTotals { byStatus { count } } inventoryTotals { onHand } lowStock { sku }
      paymentTotals { captured } stuckFulfilments { stuck } notices { section } } }`
    const { result, requests } = await fresh.during(() => browser.data<object>(page))
    expect(requests).toHaveLength(1)
    expect(requests[0]).toHaveLength(5)
    expect(result).toMatchObject({ operations: { notices: [] } })
  })

  test('fetches only the sections that are selected', async () => {
    const fetched = async (selection: string) => {
      await using fresh = await startRecordedBff(platform)
      const query = `query ($id: ID!, $yes: Boolean = true) { order(id: $id) { id ${selection} } }
        fragment Money on Order { id @include(if: $yes) paid: payments { id } }`
      const browser = fresh.browser(shopper.token)
      const { requests } = await fresh.during(() => browser.data(query, { id: orderId }))
      const { id: _id, ...sections } = requests[0]?.[0]?.variables ?? {}
      return Object.keys(sections).filter(name => sections[name])
    }
    expect(await fetched('...Money')).toEqual(['payments'])
    expect(await fetched('...Money @skip(if: $yes) status lines { sku }')).toEqual([])
    expect(await fetched('...Money @skip(if: $yes) shipments { id } lines { product { sku } }')).toEqual([
      'products',
      'shipments',
    ])
  })

  test('of the operations dashboard fetches only the selected sections', async () => {
    await using fresh = await startRecordedBff(platform)
    const browser = fresh.browser(await platform.token('ops'))
    const { requests } = await fresh.during(() =>
      browser.data('{ operations { lowStock { sku } notices { code } } }'),
    )
    expect(requests.map(operations => operations.map(({ name }) => name))).toEqual([['LowStock']])
  })
})

test('a live change of several orders reads the sections that it selects in one request', async () => {
  await using fresh = await startRecordedBff(platform)
  const { requests } = await fresh.during(async () => {
    await using client = subscribe<{ myOrderChanges: { orders: object[] } }>({
      url: fresh.url,
      token: shopper.token,
      query: `subscription { myOrderChanges(first: 2) { orders {
        id payments { status } timeline { type } lines { product { sku } } notices { section } } } }`,
      variables: {},
    })
    const { orders } = (await client.next()).myOrderChanges
    const whole = {
      payments: [{ status: 'CAPTURED' }],
      lines: [{ product: { sku: 'cap' } }, {}],
      notices: [],
    }
    expect(orders).toMatchObject([whole, whole])
  })
  expect(requests).toHaveLength(2) // the newest orders, then the sections of both
})

describe('a page that is cached', () => {
  test('is loaded once for all who may see it, and shown to nobody else', async () => {
    const mine = await customer.data<{ order: Order }>(WHOLE, { id: orderId })
    expect(mine.order).toMatchObject({ customer: { id: shopper.id }, notices: [] })
    const { requests } = await edge.during(async () => {
      expect(await support.data(WHOLE, { id: orderId })).toEqual(mine)
      expect(await other.data(WHOLE, { id: orderId })).toEqual({ order: null })
      expect(await nobody.codeOf(WHOLE, { id: orderId })).toBe('UNAUTHENTICATED')
      expect(await customer.data(WHOLE, { id: orderId })).toEqual(mine)
    })
    expect(requests).toEqual([])
  })

  test('of a product shows stock by warehouse to staff only, whoever loaded it', async () => {
    const query = 'query ($sku: ID!) { product(sku: $sku) { sku stock { onHand } } }'
    const stock = [{ onHand: expect.any(Number) }]
    for (const [sku, order] of [
      ['cap', [ops, customer, nobody, support]],
      ['scarf', [nobody, ops, customer, support]],
    ] as const)
      for (const browser of order)
        expect(await browser.data(query, { sku })).toEqual({
          product: { sku, stock: browser === ops || browser === support ? stock : null },
        })
  })

  test("is the caller's own list, not that of the previous caller", async () => {
    const query = '{ orders { nodes { id customer { id } } } me { id } }'
    type Listed = { orders: { nodes: { id: string; customer: { id: string } }[] }; me: { id: string } | null }
    const own = await customer.data<Listed>(query)
    expect(own.me).toEqual({ id: shopper.id })
    expect(own.orders.nodes.map(node => node.customer.id)).toContain(shopper.id)
    expect(await other.data(query)).toEqual({ orders: { nodes: [] }, me: { id: stranger.id } })
    expect((await support.data<Listed>(query)).me).toBeNull()
    expect((await customer.data<Listed>(query)).orders).toEqual(own.orders)
    const { requests } = await edge.during(() => customer.data(query))
    expect(requests).toEqual([])
  })

  test("never lists other customers' orders, whatever the filter says", async () => {
    const query = 'query ($filter: OrderFilter) { orders(filter: $filter) { nodes { id } } }'
    const filter = { customerId: shopper.id }
    expect(await support.data(query, { filter })).toMatchObject({ orders: { nodes: [{}, {}] } })
    expect(await other.data(query, { filter })).toEqual({ orders: { nodes: [] } })
    expect(await other.codeOf(query, { filter: { customerId: 'nobody' } })).toBe('BAD_USER_INPUT')
  })

  test('of an order as of a past instant is loaded once when a minute old, and shown to its owner only', async () => {
    const query = 'query ($id: ID!, $at: DateTime!) { orderAsOf(id: $id, at: $at) { status } }'
    const variables = { id: orderId, at: new Date().toISOString() }
    const names = async (browser: GraphSession, expected: object | null) => {
      const { result, requests } = await edge.during(() => browser.data(query, variables))
      expect(result).toEqual({ orderAsOf: expected })
      return requests.flat().map(({ name }) => name)
    }
    const confirmed = { status: 'CONFIRMED' }
    expect(await names(customer, confirmed)).toEqual(['OrderAsOf'])
    expect(await names(customer, confirmed)).toEqual(['OrderAsOf'])
    expect(await names(other, null)).toEqual(['OrderAsOf'])
    const now = Date.now.bind(Date)
    using _later = vi.spyOn(Date, 'now').mockImplementation(() => now() + 61_000)
    expect(await names(customer, confirmed)).toEqual(['OwnedOrderAsOf'])
    for (const browser of [customer, support]) expect(await names(browser, confirmed)).toEqual([])
    expect(await names(other, null)).toEqual([])
    expect(await nobody.codeOf(query, variables)).toBe('UNAUTHENTICATED')
  })
})

describe('invalid input', () => {
  test.each([
    ['a malformed id', 'query { order(id: "nonsense") { id } }', 'BAD_USER_INPUT'],
    [
      'an id of another kind',
      'query { order(id: "cus_0190a5b2-0000-7000-8000-000000000000") { id } }',
      'BAD_USER_INPUT',
    ],
    [
      'an instant without a valid order',
      'query { orderAsOf(id: "x", at: "2020-01-01T00:00:00Z") { orderId } }',
      'BAD_USER_INPUT',
    ],
    [
      'a country that does not exist',
      'query { product(sku: "cap") { shippingEstimate(country: "Mars") { days } } }',
      'BAD_USER_INPUT',
    ],
  ])('%s is refused without a request', async (_what, query, code) => {
    const { result, requests } = await edge.during(() => customer.codeOf(query))
    expect(result).toBe(code)
    expect(requests).toEqual([])
    if (!query.includes('product(')) expect(await nobody.codeOf(query)).toBe('UNAUTHENTICATED')
  })

  test('a missing order or product is null', async () => {
    expect(await customer.data(WHOLE, { id: 'ord_0190a5b2-0000-7000-8000-000000000000' })).toEqual({
      order: null,
    })
    expect(await nobody.data('{ product(sku: "no such thing!") { sku } }')).toEqual({ product: null })
    expect(await nobody.data('{ product(sku: "nothing") { sku } }')).toEqual({ product: null })
  })

  test('a list of size 0 and an invalid cursor are refused', async () => {
    expect(await customer.codeOf('{ orders(first: 0) { nodes { id } } }')).toBe('BAD_USER_INPUT')
    expect(await customer.codeOf('{ orders(after: "junk") { nodes { id } } }')).toBe('BAD_USER_INPUT')
  })
})
