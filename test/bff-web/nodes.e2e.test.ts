// The queries `node` and `nodes` of the web graph: they find anything by its id, and only what is the caller's.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { newId, siblingId } from '#platform/domain/ids.ts'
import { type RecordedBff, startRecordedBff } from '#test/bff-web/recorded-bff.ts'
import { type GraphSession, openGraphSession, placeOrder } from '#test/fixtures/graph-session.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import { addProduct, registerShopper, type Shopper } from '#testbed/shop-client.ts'

let platform: TestPlatform
let edge: RecordedBff
let shopper: Shopper
let customer: GraphSession
let other: GraphSession
let support: GraphSession
let nobody: GraphSession
let orderId: string
let shipmentId: string
beforeAll(async () => {
  platform = await startPlatform({ CARRIER_SANDBOX_STEP_MS: '3600000' }) // parcels stay where they are
  edge = await startRecordedBff(platform)
  await addProduct(platform, { sku: 'Cap.1', price: '9.00', stock: { 'BER-1': 50 } })
  shopper = await registerShopper(platform, 'Ada')
  customer = edge.browser(shopper.token)
  other = edge.browser((await registerShopper(platform, 'Eve')).token)
  support = edge.browser(await platform.token('support'))
  nobody = edge.browser()
  orderId = await buy('first')
  shipmentId = await labelled(orderId)
})
afterAll(async () => {
  await edge?.[Symbol.asyncDispose]()
  await platform?.[Symbol.asyncDispose]()
})

const buy = (idempotencyKey: string) =>
  placeOrder(customer, { idempotencyKey, sku: 'Cap.1', deliveryInstructions: 'SANDBOX_HOLD' })

/** Waits until nothing more happens to the order by itself, and returns the id of its parcel. */
async function labelled(id: string): Promise<string> {
  const page = 'query ($id: ID!) { order(id: $id) { shipments { id status } payments { status } } }'
  type Page = { order: { shipments: { id: string; status: string }[]; payments: { status: string }[] } }
  return vi.waitFor(async () => {
    const { order } = await support.data<Page>(page, { id })
    expect(order).toMatchObject({ shipments: [{ status: 'LABELLED' }], payments: [{ status: 'CAPTURED' }] })
    return order.shipments[0]?.id ?? ''
  }, WAIT)
}

const NODE = `query ($id: ID!) { node(id: $id) { __typename id
  ... on Order { number lines { product { id } } shipments { id } }
  ... on Product { sku }
  ... on Customer { name }
  ... on Payment { amount { currency } }
  ... on Shipment { warehouse }
  ... on Fulfilment { order { id } }
} }`
const NODES = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }'
const nodeOf = async (browser: GraphSession, id: string) =>
  (await browser.data<{ node: object | null }>(NODE, { id })).node

describe('node', () => {
  test('finds an order, its payment, its parcel, its customer and a product by their ids', async () => {
    const fields = [{ product: { id: 'prd_Cap.1' } }]
    expect(await nodeOf(customer, orderId)).toEqual({
      ...{ __typename: 'Order', id: orderId, number: expect.stringMatching(/^W/) },
      lines: fields,
      shipments: [{ id: shipmentId }],
    })
    const paymentId = siblingId('payment', orderId)
    expect(await nodeOf(customer, paymentId)).toEqual({
      ...{ __typename: 'Payment', id: paymentId, amount: { currency: 'USD' } },
    })
    expect(await nodeOf(customer, shipmentId)).toEqual({
      ...{ __typename: 'Shipment', id: shipmentId, warehouse: 'BER-1' },
    })
    expect(await nodeOf(customer, shopper.id)).toEqual({
      ...{ __typename: 'Customer', id: shopper.id, name: 'Ada' },
    })
    expect(await nodeOf(nobody, 'prd_Cap.1')).toEqual({
      ...{ __typename: 'Product', id: 'prd_Cap.1', sku: 'Cap.1' },
    })
  })

  test("is null for what is another customer's, which staff find", async () => {
    for (const id of [orderId, siblingId('payment', orderId), shipmentId, shopper.id]) {
      expect(await nodeOf(other, id), id).toBeNull()
      expect(await nodeOf(support, id), id).toMatchObject({ id })
      expect(await nodeOf(other, id), id).toBeNull()
    }
  })

  test('finds a fulfilment for staff alone', async () => {
    const id = orderId.replace('ord_', 'ful_')
    await vi.waitFor(async () => {
      expect(await nodeOf(support, id)).toEqual({ __typename: 'Fulfilment', id, order: { id: orderId } })
    }, WAIT)
    expect(await nodeOf(customer, id)).toBeNull()
  })

  test.each([
    ['an unknown order', newId('order')],
    ['an unknown payment', newId('payment')],
    ['an unknown shipment', newId('shipment')],
    ['an unknown product', 'prd_nothing'],
    ['an unknown movement', newId('capture')],
    ['an unknown fulfilment', newId('order').replace('ord_', 'ful_')],
    ['an unknown customer', newId('customer')],
    ['what has an id and is found by its order alone', newId('return')],
    ['text of another form', 'nonsense'],
    ['a prefix alone', 'ord_'],
    ['no text', ''],
    ['a SKU that cannot be', 'prd_../etc/passwd'],
    ['long text', `prd_${'x'.repeat(100_000)}`],
    ['text with a zero', 'prd_\0'],
  ])('is null for %s', async (_what, id) => {
    expect(await nodeOf(customer, id)).toBeNull()
    expect(await nodeOf(support, id)).toBeNull()
  })

  test('needs a token for all but products', async () => {
    expect(await nobody.codeOf(NODE, { id: orderId })).toBe('UNAUTHENTICATED')
    expect(await nobody.codeOf(NODE, { id: shopper.id })).toBe('UNAUTHENTICATED')
  })
})

describe('nodes', () => {
  test('has the order of the ids, with null for what is not there or not of the caller', async () => {
    const ids = ['prd_Cap.1', newId('order'), orderId, 'nonsense', orderId, shopper.id]
    const product = { __typename: 'Product', id: 'prd_Cap.1' }
    const order = { __typename: 'Order', id: orderId }
    expect(await customer.data(NODES, { ids })).toEqual({
      nodes: [product, null, order, null, order, { __typename: 'Customer', id: shopper.id }],
    })
    expect(await other.data(NODES, { ids })).toEqual({ nodes: [product, null, null, null, null, null] })
  })

  test('takes 1 to 100 ids', async () => {
    const ids = Array.from({ length: 100 }, () => newId('order'))
    expect(await customer.data(NODES, { ids })).toEqual({ nodes: ids.map(() => null) })
    expect(await customer.codeOf(NODES, { ids: [...ids, orderId] })).toBe('BAD_USER_INPUT')
    expect(await customer.codeOf(NODES, { ids: [] })).toBe('BAD_USER_INPUT')
  })

  test('costs one request to the gateway, whatever is asked for', async () => {
    const second = await buy('second')
    await labelled(second)
    await using fresh = await startRecordedBff(platform)
    const query = `query ($ids: [ID!]!) { nodes(ids: $ids) { id
      ... on Order { status lines { product { id } } payments { id } shipments { id } reservation { status } timeline { type } }
      ... on Product { title description }
      ... on Shipment { tracking { text } }
    } }`
    const ids = [orderId, second, 'prd_Cap.1', shipmentId, shopper.id]
    const browser = fresh.browser(shopper.token)
    const { result, requests } = await fresh.during(() => browser.data<{ nodes: object[] }>(query, { ids }))
    expect(result.nodes).toMatchObject(ids.map(id => ({ id })))
    expect(requests).toHaveLength(1)
  })

  test('reads no more for the variants of variants', async () => {
    const ADD =
      'mutation ($input: AddProductInput!) { addProduct(input: $input) { ... on ProductChanged { product { id } } ... on Refusal { message } } }'
    const ops = openGraphSession(platform, 'bff-web', await platform.token('ops'))
    for (const size of ['S', 'M']) {
      const input = {
        ...{ idempotencyKey: `vest-${size}`, sku: `vest-${size}`, title: `Vest ${size}`, weightGrams: 100 },
        ...{
          price: { amount: '20.00', currency: 'USD' },
          family: 'vest',
          options: [{ name: 'size', value: size }],
        },
        dimensions: { lengthCm: 10, widthCm: 10, heightCm: 10 },
      }
      expect(await ops.data(ADD, { input })).toEqual({ addProduct: { product: { id: `prd_vest-${size}` } } })
    }
    await using fresh = await startRecordedBff(platform)
    const query = '{ product(sku: "vest-M") { variants { sku variants { variants { sku } } } } }'
    const { result, requests } = await fresh.during(() => fresh.browser().data(query))
    const family = ['vest-S', 'vest-M'].map(sku => ({ sku }))
    expect(result).toEqual({
      product: {
        variants: family.map(product => ({
          ...product,
          variants: [{ variants: family }, { variants: family }],
        })),
      },
    })
    expect(requests.flat()).toHaveLength(1)
  })
})
