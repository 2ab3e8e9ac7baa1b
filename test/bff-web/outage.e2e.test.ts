import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Order } from '#schema/generated/bff-web.ts'
import { type RecordedBff, startRecordedBff } from '#test/bff-web/recorded-bff.ts'
import type { GraphSession } from '#test/fixtures/graph-session.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  registerShopper,
} from '#testbed/shop-client.ts'

let platform: TestPlatform
let edge: RecordedBff
let customer: GraphSession
let ops: GraphSession
let id: string
beforeAll(async () => {
  platform = await startPlatform({
    CARRIER_SANDBOX_STEP_MS: '3600000', // parcels stay where they are
    CAPTURE_AT: 'dispatch', // and so does their money
  })
  edge = await startRecordedBff(platform, ['orders', 'inventory', 'shipping'])
  for (const sku of ['cap', 'hat']) await addProduct(platform, { sku, price: '9.00', stock: { 'BER-1': 50 } })
  const shopper = await registerShopper(platform)
  customer = edge.browser(shopper.token)
  ops = edge.browser(await platform.token('ops'))
  const input = checkoutInput({ idempotencyKey: 'cap', sku: 'cap', deliveryInstructions: 'SANDBOX_HOLD' })
  const { data } = await platform.send<CheckoutResponse>('bff-web', shopper.token, CHECKOUT, { input })
  id = data.checkout.order?.id ?? ''
})
afterAll(async () => {
  await edge?.[Symbol.asyncDispose]()
  await platform?.[Symbol.asyncDispose]()
})

const ORDER = `query ($id: ID!) { order(id: $id) { status total { amount }
  lines { sku product { title } } reservation { status } payments { status } shipments { status }
  notices { section code message } } }`
const order = async (query = ORDER) => (await customer.data<{ order: Order }>(query, { id })).order
const notice = (section: string) => ({ section, code: 'UNAVAILABLE', message: expect.stringMatching(/\.$/) })

test('pages are served without a service that is down, say what is missing, and are complete when it is back', async () => {
  await edge.stop('shipping')
  expect(await order()).toMatchObject({
    status: 'CONFIRMED',
    total: { amount: expect.any(String) },
    lines: [{ sku: 'cap', product: { title: 'Product cap' } }],
    reservation: { status: 'COMMITTED' },
    payments: [{ status: 'AUTHORISED' }],
    shipments: null,
    notices: [notice('SHIPMENTS')],
  })

  const node = ORDER.replace('order(id: $id) {', 'node(id: $id) { ... on Order {').replace(/}$/, '} }')
  expect(await customer.data(node, { id })).toMatchObject({
    node: { shipments: null, notices: [notice('SHIPMENTS')] },
  })

  // A query without shipments neither waits for them nor has a notice.
  const slim = 'query ($id: ID!) { order(id: $id) { status payments { status } notices { section } } }'
  expect(await order(slim)).toEqual({
    status: 'CONFIRMED',
    payments: [{ status: 'AUTHORISED' }],
    notices: [],
  })
  expect((await edge.during(() => order(slim))).requests).toEqual([])

  const product =
    '{ product(sku: "cap") { title available shippingEstimate { days } notices { section code message } } }'
  expect(await customer.data(product)).toEqual({
    product: {
      title: 'Product cap',
      available: expect.any(Number),
      shippingEstimate: null,
      notices: [notice('SHIPPING_ESTIMATE')],
    },
  })

  // A partial page is kept nowhere: it is asked for again each time, until it is whole.
  expect((await edge.during(() => order())).requests).toHaveLength(1)
  await edge.start('shipping')
  await expect.poll(async () => (await order()).notices).toEqual([])
  expect((await order()).shipments).toEqual([{ status: 'LABELLED' }])
  await expect
    .poll(() => customer.data(product))
    .toMatchObject({ product: { shippingEstimate: { days: expect.any(Number) }, notices: [] } })
})

test('without inventory an order still has its lines, and the dashboard its other sections', async () => {
  await edge.stop('inventory')
  // A page that was cached before is still true and still served; one that nobody has read yet is not.
  const unread = ORDER.replace('payments { status }', '').replace('shipments { status }', '')
  expect(await order(unread)).toMatchObject({
    status: 'CONFIRMED',
    lines: [{ sku: 'cap', product: null }],
    reservation: null,
    notices: expect.arrayContaining([notice('PRODUCTS'), notice('RESERVATION')]),
  })
  const dashboard = `{ operations { orderTotals { byStatus { status } } inventoryTotals { onHand } paymentTotals { currency }
    lowStock { sku } stuckFulfilments { stuck } notices { section code message } } }`
  expect(await ops.data(dashboard)).toEqual({
    operations: {
      orderTotals: { byStatus: expect.any(Array) },
      inventoryTotals: null,
      paymentTotals: [{ currency: 'USD' }],
      lowStock: null,
      stuckFulfilments: [],
      notices: expect.arrayContaining([notice('INVENTORY_TOTALS'), notice('LOW_STOCK')]),
    },
  })
  expect(await customer.codeOf('{ products(filter: { text: "never asked" }) { nodes { sku } } }')).toBe(
    'UNAVAILABLE',
  )
  expect(await customer.codeOf('{ product(sku: "hat") { sku } }')).toBe('UNAVAILABLE')
})

test('without orders, order pages are unavailable, and cached pages are still served', async () => {
  const cached = '{ me { id } }'
  const me = await customer.data(cached)
  await edge.stop('orders')
  const slim = 'query ($id: ID!) { order(id: $id) { number shipments { id } payments { id } } }'
  expect(await customer.codeOf(slim, { id })).toBe('UNAVAILABLE')
  expect(await customer.codeOf('{ orders(first: 3) { nodes { id } } }')).toBe('UNAVAILABLE')
  expect(await customer.data(cached)).toEqual(me)
  const dashboard =
    '{ operations { orderTotals { byStatus { status } } stuckFulfilments { stuck } notices { section code message } } }'
  await expect
    .poll(() => ops.data(dashboard))
    .toEqual({
      operations: {
        orderTotals: { byStatus: expect.any(Array) },
        stuckFulfilments: null,
        notices: [notice('STUCK_FULFILMENTS')],
      },
    })
})
