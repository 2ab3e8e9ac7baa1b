// Tests the running subgraph over HTTP: access, refusals, recorded effects, and reads afterwards.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { newId } from '#platform/domain/ids.ts'
import { type Caller, type GraphqlResponse, nobody, ops, service, support } from '#test/fixtures/subgraph.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import { type Running, runInventory } from './inventory-fixture.ts'

let inventory: Running
const customerId = newId('customer')
const customer: Caller = { role: 'customer', subject: customerId }
const stranger: Caller = { role: 'customer', subject: newId('customer') }

beforeAll(async () => {
  inventory = await runInventory()
})
afterAll(() => inventory?.[Symbol.asyncDispose]())

const PRODUCT = `sku title category price { amount currency } available availability
  stock { warehouse { code } onHand reserved available }`
const ADD = `mutation ($input: AddProductInput!) { addProduct(input: $input) {
  __typename ... on ProductChanged { product { ${PRODUCT} } } ... on ProductExists { code message sku } } }`
const CHANGED = `__typename ... on ProductChanged { product { ${PRODUCT} } } ... on NoSuchProduct { code sku }`
const PRICE = `mutation ($input: ChangePriceInput!) { changePrice(input: $input) { ${CHANGED} } }`
const THRESHOLD = `mutation ($input: SetLowStockThresholdInput!) { setLowStockThreshold(input: $input) { ${CHANGED} } }`
const ADJUST = `mutation ($input: AdjustStockInput!) { adjustStock(input: $input) {
  ${CHANGED} ... on StockBelowReserved { code onHand reserved } } }`
const GET = `query ($sku: ID!) { product(sku: $sku) { ${PRODUCT} } }`
const RESERVE = `mutation ($input: ReserveStockInput!) { reserveStock(input: $input) {
  __typename ... on StockReserved { allocations { sku warehouse { code } quantity shipped } }
  ... on InsufficientStock { code message shortages { sku requested available } } ... on NoSuchProduct { code sku } } }`
const reservationMutation = (name: string, type: string) =>
  `mutation ($input: ${type}!) { ${name}(input: $input) {
    __typename ... on ReservationChanged { status } ... on ReservationRefused { code message } } }`
const COMMIT = reservationMutation('commitReservation', 'ReservationInput')
const RELEASE = reservationMutation('releaseReservation', 'ReservationInput')
const SHIP = reservationMutation('shipStock', 'ShipStockInput')
const RESTOCK = reservationMutation('restock', 'RestockInput')
const ORDER = `query ($order: _Any!) { _entities(representations: [$order]) { ... on Order {
  reservation { status expiresAt allocations { sku warehouse { code } quantity shipped } } } } }`

function product(overrides: object = {}) {
  return {
    idempotencyKey: randomUUID(),
    sku: `SKU-${randomUUID().slice(0, 8)}`,
    title: 'Oak table',
    category: 'Furniture',
    price: { amount: '199.99', currency: 'EUR' },
    weightGrams: 24_000,
    dimensions: { lengthCm: 180, widthCm: 90, heightCm: 75 },
    stock: [{ warehouse: 'BER-1', quantity: 10 }],
    ...overrides,
  }
}

async function givenProduct(overrides: object = {}): Promise<string> {
  const input = product(overrides)
  const { data, messages } = await inventory.request(ops, ADD, { input })
  expect(messages).toEqual([])
  expect(data?.addProduct).toMatchObject({ __typename: 'ProductChanged' })
  return input.sku
}

function hold(lines: { sku: string; quantity: number }[], overrides: object = {}) {
  const expiresAt = new Date(inventory.now().getTime() + 60_000).toISOString()
  return { idempotencyKey: randomUUID(), orderId: newId('order'), customerId, lines, expiresAt, ...overrides }
}

async function givenHold(sku: string, quantity: number, overrides: object = {}) {
  const input = hold([{ sku, quantity }], overrides)
  const { data } = await inventory.request(service, RESERVE, { input })
  expect(data?.reserveStock).toMatchObject({ __typename: 'StockReserved' })
  return input.orderId
}

const keyed = (input: object) => ({ input: { idempotencyKey: randomUUID(), ...input } })
const codeOf = ({ codes }: GraphqlResponse) => codes[0]
/** Returns the available units of a SKU as a service sees them, which is the current state. */
async function free(sku: string): Promise<unknown> {
  return (await inventory.request(service, GET, { sku })).data?.product?.available
}

describe('products', () => {
  it('are added by operations staff, and returned in their new state', async () => {
    const input = product()
    const { data, consistency } = await inventory.request(ops, ADD, { input })
    const expected = {
      sku: input.sku,
      title: 'Oak table',
      category: 'Furniture',
      price: { amount: '199.99', currency: 'EUR' },
      available: 10,
      availability: 'IN_STOCK',
      stock: [{ warehouse: { code: 'BER-1' }, onHand: 10, reserved: 0, available: 10 }],
    }
    expect(data?.addProduct).toEqual({ __typename: 'ProductChanged', product: expected })
    expect(consistency).toMatch(/^inventory=\d+$/)
    const seen = await inventory.request(support, GET, { sku: input.sku }, consistency)
    expect(seen.data?.product).toEqual(expected)
  })

  it('show their stock by warehouse to staff only', async () => {
    const { data, consistency } = await inventory.request(ops, ADD, { input: product({ sku: 'SECRET-1' }) })
    expect(data?.addProduct).toMatchObject({ product: { stock: [{ onHand: 10 }] } })
    for (const caller of [customer, nobody])
      expect(
        (await inventory.request(caller, GET, { sku: 'SECRET-1' }, consistency)).data?.product,
      ).toMatchObject({
        available: 10,
        stock: null,
      })
  })

  it('are visible to services at once, without waiting for a read model', async () => {
    const sku = await givenProduct()
    const query = 'query ($skus: [ID!]!) { products(skus: $skus) { sku available } }'
    const { data } = await inventory.request(service, query, { skus: ['no-such', sku, 'mal formed'] })
    expect(data?.products).toEqual([null, { sku, available: 10 }, null])
  })

  it('are found by word and category, page by page in alphabetical order', async () => {
    const category = `Lamps ${randomUUID()}`
    let consistency: string | null = null
    for (const title of ['Zebra lamp', 'élan lamp', 'Arc lamp'])
      consistency = (await inventory.request(ops, ADD, { input: product({ title, category, stock: [] }) }))
        .consistency
    const query = `query ($filter: ProductFilter, $after: String) { searchProducts(filter: $filter, first: 2, after: $after) {
      nodes { title } edges { cursor node { title } } pageInfo { hasNextPage endCursor } } }`
    const search = async (filter: object, after?: unknown) =>
      (await inventory.request(support, query, { filter, after }, consistency)).data?.searchProducts
    const first = await search({ category, text: 'lam' })
    expect(first).toMatchObject({
      nodes: [{ title: 'Arc lamp' }, { title: 'élan lamp' }],
      pageInfo: { hasNextPage: true },
    })
    const { endCursor } = Object(first?.pageInfo)
    expect(await search({ category, text: 'lam' }, endCursor)).toMatchObject({
      nodes: [{ title: 'Zebra lamp' }],
      edges: [{ node: { title: 'Zebra lamp' } }],
      pageInfo: { hasNextPage: false },
    })
    expect(await search({ category, inStock: true })).toMatchObject({ nodes: [] })
  })

  it('change price and threshold, and are refused when unknown', async () => {
    const sku = await givenProduct()
    const price = { amount: '5', currency: 'JPY' }
    expect((await inventory.request(ops, PRICE, keyed({ sku, price }))).data?.changePrice).toMatchObject({
      product: { price },
    })
    const low = await inventory.request(ops, THRESHOLD, keyed({ sku, threshold: 10 }))
    expect(low.data?.setLowStockThreshold).toMatchObject({ product: { availability: 'LOW_STOCK' } })
    const listed = await inventory.request(
      support,
      '{ lowStock(first: 100) { nodes { sku } } }',
      {},
      low.consistency,
    )
    expect(listed.data?.lowStock?.nodes).toContainEqual({ sku })
    const unknown = { __typename: 'NoSuchProduct', code: 'PRODUCT_NOT_FOUND', sku: 'nope' }
    expect((await inventory.request(ops, PRICE, keyed({ sku: 'nope', price }))).data?.changePrice).toEqual(
      unknown,
    )
  })

  it('are never adjusted below what is reserved', async () => {
    const sku = await givenProduct()
    await givenHold(sku, 8)
    const adjust = (quantity: number) =>
      inventory.request(ops, ADJUST, keyed({ sku, warehouse: 'BER-1', quantity, reason: 'count' }))
    expect((await adjust(-3)).data?.adjustStock).toEqual({
      __typename: 'StockBelowReserved',
      code: 'STOCK_BELOW_RESERVED',
      onHand: 10,
      reserved: 8,
    })
    expect((await adjust(-2)).data?.adjustStock).toMatchObject({
      product: { available: 0, availability: 'OUT_OF_STOCK' },
    })
    expect((await adjust(5)).data?.adjustStock).toMatchObject({
      product: { stock: [{ onHand: 13, reserved: 8 }] },
    })
  })
})

describe('a reservation', () => {
  it('is held, committed, shipped and restocked', async () => {
    const sku = await givenProduct()
    const orderId = await givenHold(sku, 3)
    expect(await free(sku)).toBe(7)
    const status = async (query: string, input: object) =>
      Object.values((await inventory.request(service, query, keyed({ orderId, ...input }))).data ?? {})[0]
    const part = { warehouse: 'BER-1', lines: [{ sku, quantity: 1 }] }
    const rest = { warehouse: 'BER-1', lines: [{ sku, quantity: 2 }] }
    expect(await status(SHIP, part)).toMatchObject({ code: 'RESERVATION_NOT_COMMITTED' })
    expect(await status(COMMIT, { skus: [sku] })).toMatchObject({ status: 'COMMITTED' })
    expect(await status(COMMIT, { skus: [sku] })).toMatchObject({ status: 'COMMITTED' })
    expect(await status(SHIP, part)).toMatchObject({ status: 'COMMITTED' })
    expect(await status(SHIP, rest)).toMatchObject({ status: 'SHIPPED' })
    expect(await status(SHIP, part)).toMatchObject({ code: 'STOCK_NOT_HELD' })
    expect(await free(sku)).toBe(7)
    expect(await status(RESTOCK, { lines: [{ sku, quantity: 2 }] })).toMatchObject({ status: 'SHIPPED' })
    expect(await free(sku)).toBe(9)
    expect(await status(RELEASE, { skus: [sku] })).toMatchObject({ status: 'RELEASED' })
    expect(await free(sku)).toBe(9)
  })

  it('is refused for all lines when some fall short', async () => {
    const [scarce, plenty] = [
      await givenProduct({ stock: [{ warehouse: 'BER-1', quantity: 1 }] }),
      await givenProduct(),
    ]
    const lines = [scarce, plenty].map(sku => ({ sku, quantity: 2 }))
    const { data } = await inventory.request(service, RESERVE, { input: hold(lines) })
    expect(data?.reserveStock).toMatchObject({
      code: 'INSUFFICIENT_STOCK',
      shortages: [{ sku: scarce, requested: 2, available: 1 }],
    })
    expect(await free(plenty)).toBe(10)
    const unknown = await inventory.request(service, RESERVE, { input: hold([{ sku: 'nope', quantity: 1 }]) })
    expect(unknown.data?.reserveStock).toMatchObject({
      __typename: 'NoSuchProduct',
      code: 'PRODUCT_NOT_FOUND',
    })
  })

  it('is seen by its customer and by staff, and by nobody else', async () => {
    const sku = await givenProduct()
    const input = hold([{ sku, quantity: 2 }])
    const { consistency } = await inventory.request(service, RESERVE, { input })
    const order = { __typename: 'Order', id: input.orderId }
    const seenBy = async (caller: Caller) =>
      (await inventory.request(caller, ORDER, { order }, consistency)).data?._entities
    const reservation = {
      status: 'HELD',
      expiresAt: input.expiresAt,
      allocations: [{ sku, warehouse: { code: 'BER-1' }, quantity: 2, shipped: 0 }],
    }
    for (const caller of [customer, support]) expect(await seenBy(caller)).toEqual([{ reservation }])
    for (const caller of [stranger, nobody]) expect(await seenBy(caller)).toEqual([{ reservation: null }])
  })

  it('expires when nobody commits it, and cannot be committed afterwards', async () => {
    const sku = await givenProduct()
    const orderId = await givenHold(sku, 10, {
      expiresAt: new Date(inventory.now().getTime() + 2000).toISOString(),
    })
    expect(await free(sku)).toBe(0)
    inventory.moveOn(5000)
    const { data } = await inventory.request(service, COMMIT, keyed({ orderId, skus: [sku] }))
    expect(data?.commitReservation).toMatchObject({ code: 'RESERVATION_EXPIRED' })
    await vi.waitFor(async () => expect(await free(sku)).toBe(10), { timeout: 5000, interval: 20 })
  })
})

describe('a command repeated under its key', () => {
  const twice = async (caller: Caller, query: string, input: object) => {
    const variables = keyed(input)
    const first = await inventory.request(caller, query, variables)
    expect(first.messages).toEqual([])
    const head = await inventory.store.head()
    const second = await inventory.request(caller, query, variables)
    expect(second.data).toEqual(first.data)
    expect(await inventory.store.head()).toBe(head)
    return first
  }

  it('takes effect once and gets the same result', async () => {
    const { idempotencyKey: _, ...added } = product()
    const { sku } = added
    await twice(ops, ADD, added)
    await twice(ops, PRICE, { sku, price: { amount: '1.00', currency: 'EUR' } })
    await twice(ops, THRESHOLD, { sku, threshold: 3 })
    await twice(ops, ADJUST, { sku, warehouse: 'BER-1', quantity: 5, reason: 'found' })
    const { idempotencyKey: _key, ...held } = hold([{ sku, quantity: 4 }])
    const { orderId } = held
    await twice(service, RESERVE, held)
    await twice(service, COMMIT, { orderId, skus: [sku] })
    await twice(service, SHIP, { orderId, warehouse: 'BER-1', lines: [{ sku, quantity: 1 }] })
    await twice(service, RELEASE, { orderId, skus: [sku] })
    await twice(service, RESTOCK, { orderId, lines: [{ sku, quantity: 1 }] })
    expect(await free(sku)).toBe(15)
  })

  it('gets the same refusal, even when it would be accepted by now', async () => {
    const sku = await givenProduct({ stock: [] })
    const input = hold([{ sku, quantity: 1 }])
    const first = await inventory.request(service, RESERVE, { input })
    expect(first.data?.reserveStock).toMatchObject({ code: 'INSUFFICIENT_STOCK' })
    await inventory.request(ops, ADJUST, keyed({ sku, warehouse: 'BER-1', quantity: 5, reason: 'new goods' }))
    expect((await inventory.request(service, RESERVE, { input })).data).toEqual(first.data)
  })

  it('gets the first allocations, even after they were shipped', async () => {
    const sku = await givenProduct()
    const input = hold([{ sku, quantity: 2 }])
    const first = await inventory.request(service, RESERVE, { input })
    const { orderId } = input
    await inventory.request(service, COMMIT, keyed({ orderId, skus: [sku] }))
    await inventory.request(
      service,
      SHIP,
      keyed({ orderId, warehouse: 'BER-1', lines: [{ sku, quantity: 2 }] }),
    )
    expect((await inventory.request(service, RESERVE, { input })).data).toEqual(first.data)
  })

  it('is a conflict with another body', async () => {
    const input = product()
    await inventory.request(ops, ADD, { input })
    expect(codeOf(await inventory.request(ops, ADD, { input: { ...input, title: 'Another' } }))).toBe(
      'CONFLICT',
    )
    const again = await inventory.request(ops, ADD, { input: { ...input, idempotencyKey: randomUUID() } })
    expect(again.data?.addProduct).toMatchObject({ code: 'PRODUCT_EXISTS', sku: input.sku })
  })
})

describe('a viewer without the role', () => {
  it.each([
    ['add a product', ADD, product()],
    ['change a price', PRICE, keyed({ sku: 'x', price: { amount: '1', currency: 'EUR' } }).input],
    ['set a threshold', THRESHOLD, keyed({ sku: 'x', threshold: 1 }).input],
    ['adjust stock', ADJUST, keyed({ sku: 'x', warehouse: 'BER-1', quantity: 1, reason: 'r' }).input],
  ])('cannot %s without the role ops', async (_name, query, input) => {
    for (const caller of [customer, support, service])
      expect(codeOf(await inventory.request(caller, query, { input }))).toBe('FORBIDDEN')
    expect(codeOf(await inventory.request(nobody, query, { input }))).toBe('UNAUTHENTICATED')
  })

  const orderId = newId('order')
  const lines = [{ sku: 'x', quantity: 1 }]
  const expiresAt = '2100-01-01T00:00:00.000Z'
  it.each([
    ['reserve stock', RESERVE, { orderId, customerId, lines, expiresAt }],
    ['commit a reservation', COMMIT, { orderId, skus: ['x'] }],
    ['release a reservation', RELEASE, { orderId, skus: ['x'] }],
    ['ship stock', SHIP, { orderId, warehouse: 'BER-1', lines }],
    ['restock', RESTOCK, { orderId, lines }],
  ])('cannot %s without the role service', async (_name, query, input) => {
    for (const caller of [customer, support, ops])
      expect(codeOf(await inventory.request(caller, query, keyed(input)))).toBe('FORBIDDEN')
    expect(codeOf(await inventory.request(nobody, query, keyed(input)))).toBe('UNAUTHENTICATED')
  })

  it.each(['{ lowStock { nodes { sku } } }', '{ inventoryTotals { held } }'])(
    'cannot query %s',
    async query => {
      expect(codeOf(await inventory.request(customer, query))).toBe('FORBIDDEN')
      expect(codeOf(await inventory.request(nobody, query))).toBe('UNAUTHENTICATED')
      expect((await inventory.request(support, query)).messages).toEqual([])
    },
  )
})

describe('invalid input', () => {
  const sku = 'INPUT-1'
  const orderId = newId('order')
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString()
  const far = new Date(Date.now() + 400 * 24 * 3_600_000).toISOString()
  const reserving = (overrides: object) => ({
    orderId,
    customerId,
    lines: [{ sku, quantity: 1 }],
    expiresAt,
    ...overrides,
  })
  const adjusting = (overrides: object) => ({
    sku,
    warehouse: 'BER-1',
    quantity: 1,
    reason: 'r',
    ...overrides,
  })
  const many = Array.from({ length: 501 }, (_, index) => `s${index}`)

  beforeAll(() => givenProduct({ sku }))

  it.each<[string, Caller, string, object]>([
    ['a SKU with a space', ops, ADD, product({ sku: 'a b' })],
    ['a SKU of 65 characters', ops, ADD, product({ sku: 'x'.repeat(65) })],
    ['no title', ops, ADD, product({ title: '  ' })],
    ['a title of 201 characters', ops, ADD, product({ title: 'x'.repeat(201) })],
    ['a title that no database holds', ops, ADD, product({ title: 'a\u0000b' })],
    ['an ill-formed title', ops, ADD, product({ title: 'a\ud800b' })],
    ['a price of zero', ops, ADD, product({ price: { amount: '0.00', currency: 'EUR' } })],
    ['a negative price', ops, ADD, product({ price: { amount: '-1', currency: 'EUR' } })],
    ['more decimals than the currency has', ops, ADD, product({ price: { amount: '1.5', currency: 'JPY' } })],
    ['an unknown currency', ops, ADD, product({ price: { amount: '1', currency: 'XXX' } })],
    ['no weight', ops, ADD, product({ weightGrams: 0 })],
    ['a size past the bound', ops, ADD, product({ dimensions: { lengthCm: 1001, widthCm: 1, heightCm: 1 } })],
    ['a lower case warehouse', ops, ADD, product({ stock: [{ warehouse: 'ber', quantity: 1 }] })],
    ['a negative stock', ops, ADD, product({ stock: [{ warehouse: 'BER-1', quantity: -1 }] })],
    ['a negative threshold', ops, THRESHOLD, { sku, threshold: -1 }],
    ['an adjustment by nothing', ops, ADJUST, adjusting({ quantity: 0 })],
    ['an adjustment past the bound', ops, ADJUST, adjusting({ quantity: 1_000_001 })],
    ['an adjustment without a reason', ops, ADJUST, adjusting({ reason: '' })],
    ['an empty idempotency key', ops, ADJUST, adjusting({ idempotencyKey: '' })],
    ['an idempotency key of 201 characters', ops, ADJUST, adjusting({ idempotencyKey: 'k'.repeat(201) })],
    ['no lines', service, RESERVE, reserving({ lines: [] })],
    ['a quantity of zero', service, RESERVE, reserving({ lines: [{ sku, quantity: 0 }] })],
    ['an absurd quantity', service, RESERVE, reserving({ lines: [{ sku, quantity: 10_001 }] })],
    ['a quantity that is no integer', service, RESERVE, reserving({ lines: [{ sku, quantity: 1.5 }] })],
    ['a malformed order id', service, RESERVE, reserving({ orderId: 'ord_1' })],
    ['a hold that would last for years', service, RESERVE, reserving({ expiresAt: far })],
    ['no SKUs', service, COMMIT, { orderId, skus: [] }],
    ['too many SKUs', service, RELEASE, { orderId, skus: many }],
    ['a malformed warehouse', service, SHIP, { orderId, warehouse: '', lines: [{ sku, quantity: 1 }] }],
  ])('%s is refused and writes no event', async (_name, caller, query, input) => {
    const head = await inventory.store.head()
    expect(codeOf(await inventory.request(caller, query, keyed(input)))).toBe('BAD_USER_INPUT')
    expect(await inventory.store.head()).toBe(head)
  })

  it.each([
    ['too many SKUs', 'query ($skus: [ID!]!) { products(skus: $skus) { sku } }', { skus: many }],
    ['a page of nothing', '{ searchProducts(first: 0) { nodes { sku } } }', {}],
    ['a page past the bound', '{ searchProducts(first: 101) { nodes { sku } } }', {}],
    ['a foreign cursor', '{ searchProducts(after: "junk") { nodes { sku } } }', {}],
    [
      'a category that no database holds',
      'query ($c: String) { searchProducts(filter: { category: $c }) { nodes { sku } } }',
      { c: '\u0000' },
    ],
  ])('a query for %s is refused', async (_name, query, variables) => {
    expect(codeOf(await inventory.request(support, query, variables))).toBe('BAD_USER_INPUT')
  })
})

it('totals add up over all events', async () => {
  await vi.waitFor(async () => {
    const names = 'products received onHand held reserved released shipped restocked'
    const { data } = await inventory.request(support, `{ inventoryTotals { ${names} } }`)
    const totals = Object(data?.inventoryTotals)
    expect(totals.onHand).toBe(totals.received - totals.shipped + totals.restocked)
    expect(totals.held).toBe(totals.reserved - totals.released - totals.shipped)
    expect(totals.shipped).toBeGreaterThan(0)
  }, WAIT)
  const { data } = await inventory.request(nobody, '{ categories warehouses { code } }')
  expect(data?.categories).toContain('Furniture')
  expect(data?.warehouses).toContainEqual({ code: 'BER-1' })
})
