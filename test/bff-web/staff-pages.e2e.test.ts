import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { newId } from '#platform/domain/ids.ts'
import type { Operations, Order, Product } from '#schema/generated/bff-web.ts'
import { type GraphSession, openGraphSession, placeOrder } from '#test/fixtures/graph-session.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { subscribe } from '#test/fixtures/subscription-client.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import { addProduct, registerShopper, type Shopper } from '#testbed/shop-client.ts'

let platform: TestPlatform
let shopper: Shopper
let customer: GraphSession
let ops: GraphSession
let support: GraphSession
beforeAll(async () => {
  platform = await startPlatform({ CARRIER_SANDBOX_STEP_MS: '3600000' }) // parcels stay where they are
  shopper = await registerShopper(platform)
  customer = openGraphSession(platform, 'bff-web', shopper.token)
  ops = openGraphSession(platform, 'bff-web', await platform.token('ops'))
  support = openGraphSession(platform, 'bff-web', await platform.token('support'))
})
afterAll(() => platform?.[Symbol.asyncDispose]())

/** The order's page, as its customer sees it live, once `isSo`. */
async function once(id: string, isSo: (page: Order) => boolean): Promise<Order> {
  await using subscriber = subscribe<{ orderChanges: { order: Order } }>({
    url: platform.urls['bff-web'],
    token: shopper.token,
    query: `subscription ($id: ID!) { orderChanges(id: $id) { order {
      status total { amount }
      lines { sku quantity shippedQuantity returnedQuantity }
      payments { status captured { amount } refunded { amount } }
      shipments { id status trackingNumber }
      returns { id status refund { amount } }
    } } }`,
    variables: { id },
  })
  const seen = await subscriber.until(({ orderChanges }) => isSo(orderChanges.order))
  const [last] = seen.slice(-1)
  if (!last) throw new Error('the subscription yielded nothing')
  return last.orderChanges.order
}

async function stockOf(sku: string): Promise<Product['stock']> {
  const query =
    'query ($sku: ID!) { product(sku: $sku) { stock { warehouse { code } onHand reserved available } } }'
  return (await ops.data<{ product: Product }>(query, { sku })).product.stock ?? null
}

const REQUEST = `mutation ($input: RequestReturnInput!) { requestReturn(input: $input) { __typename
  ... on ReturnRequested { return { id status reason refund { amount } lines { sku quantity } } }
  ... on Refusal { code message path } ... on CannotReturn { status } } }`
const DECISION = `{ __typename ... on ReturnDecided { return { id status } order { id returns { id status } } }
  ... on Refusal { code path } ... on CannotReturn { status } }`
const RECEIVE = `mutation ($input: DecideReturnInput!) { receiveReturn(input: $input) ${DECISION} }`
const REJECT = `mutation ($input: DecideReturnInput!) { rejectReturn(input: $input) ${DECISION} }`
type Requested = { requestReturn: { __typename: string; return: { id: string } } }

describe('a return', () => {
  let orderId: string
  beforeAll(async () => {
    await addProduct(platform, { sku: 'boots', price: '50.00', stock: { 'BER-1': 10 } })
    orderId = await placeOrder(customer, {
      idempotencyKey: 'boots',
      sku: 'boots',
      quantity: 3,
      deliveryInstructions: 'SANDBOX_FAST',
    })
    await once(orderId, page => page.status === 'COMPLETED')
  })

  const request = (idempotencyKey: string, quantity: number) =>
    customer.data<Requested>(REQUEST, {
      input: { idempotencyKey, orderId, lines: [{ sku: 'boots', quantity }], reason: 'too small' },
    })

  test('is refused before delivery, and for more units than were delivered', async () => {
    const held = await placeOrder(customer, {
      idempotencyKey: 'held',
      sku: 'boots',
      deliveryInstructions: 'SANDBOX_HOLD',
    })
    const input = {
      idempotencyKey: 'early',
      orderId: held,
      lines: [{ sku: 'boots', quantity: 1 }],
      reason: 'changed my mind',
    }
    expect(await customer.data(REQUEST, { input })).toMatchObject({
      requestReturn: {
        ...{ __typename: 'CannotReturn', code: 'ORDER_NOT_DELIVERED', status: 'CONFIRMED' },
        path: ['input', 'orderId'],
      },
    })
    expect(await request('too-many', 4)).toMatchObject({
      requestReturn: {
        ...{ __typename: 'CannotReturn', code: 'RETURN_EXCEEDS_DELIVERED', status: 'COMPLETED' },
        path: ['input', 'lines'],
      },
    })
  })

  test('is decided by staff only', async () => {
    const { requestReturn } = await request('rejected', 1)
    const input = { idempotencyKey: 'decide', orderId, returnId: requestReturn.return.id }
    for (const decide of [RECEIVE, REJECT]) expect(await customer.codeOf(decide, { input })).toBe('FORBIDDEN')
    expect(await support.data(REJECT, { input })).toMatchObject({
      rejectReturn: {
        __typename: 'ReturnDecided',
        return: { status: 'REJECTED' },
        order: { id: orderId, returns: [{ id: input.returnId, status: 'REJECTED' }] },
      },
    })
    const late = { ...input, idempotencyKey: 'too-late' }
    expect(await support.data(RECEIVE, { input: late })).toMatchObject({
      receiveReturn: { __typename: 'CannotReturn', code: 'RETURN_REJECTED', path: ['input', 'returnId'] },
    })
  })

  test('that is received is refunded, and its goods are in stock again', async () => {
    const before = (await stockOf('boots'))?.[0]
    const { requestReturn } = await request('accepted', 3)
    expect(requestReturn).toMatchObject({
      __typename: 'ReturnRequested',
      return: {
        status: 'REQUESTED',
        reason: 'too small',
        refund: { amount: '150.00' },
        lines: [{ sku: 'boots', quantity: 3 }],
      },
    })
    const input = { idempotencyKey: 'receive', orderId, returnId: requestReturn.return.id }
    for (const _twice of [1, 2])
      expect(await support.data(RECEIVE, { input })).toMatchObject({
        receiveReturn: { __typename: 'ReturnDecided', return: { id: requestReturn.return.id } },
      })
    const page = await once(orderId, ({ returns }) => returns.some(({ status }) => status === 'REFUNDED'))
    expect(page).toMatchObject({
      status: 'RETURNED',
      lines: [{ sku: 'boots', quantity: 3, returnedQuantity: 3 }],
      payments: [{ status: 'PARTIALLY_REFUNDED', refunded: { amount: '150.00' } }],
    })
    await expect
      .poll(async () => (await stockOf('boots'))?.[0])
      .toEqual({
        warehouse: { code: 'BER-1' },
        onHand: (before?.onHand ?? 0) + 3,
        reserved: before?.reserved,
        available: (before?.available ?? 0) + 3,
      })
  })
})

describe('dispatching a shipment', () => {
  const DISPATCH = `mutation ($input: DispatchShipmentInput!) { dispatchShipment(input: $input) { __typename
    ... on ShipmentChanged { shipment { id status } } ... on Refusal { code path } } }`

  test('is for ops, moves the order on, and can be repeated', async () => {
    await addProduct(platform, { sku: 'piano', price: '900.00', stock: { 'BER-1': 2 } })
    const id = await placeOrder(customer, {
      idempotencyKey: 'piano',
      sku: 'piano',
      deliveryInstructions: 'SANDBOX_HOLD',
    })
    const held = await once(id, page => page.shipments?.[0]?.status === 'LABELLED')
    const input = { idempotencyKey: 'dispatch', shipmentId: held.shipments?.[0]?.id }
    expect(await customer.codeOf(DISPATCH, { input })).toBe('FORBIDDEN')
    expect(await support.codeOf(DISPATCH, { input })).toBe('FORBIDDEN')
    const dispatched = {
      dispatchShipment: {
        __typename: 'ShipmentChanged',
        shipment: { id: input.shipmentId, status: 'DISPATCHED' },
      },
    }
    expect(await ops.data(DISPATCH, { input })).toEqual(dispatched)
    const page = await once(
      id,
      ({ status, payments }) => status === 'SHIPPED' && payments?.[0]?.status === 'CAPTURED',
    )
    expect(page.lines).toMatchObject([{ sku: 'piano', shippedQuantity: 1 }])
    expect(await ops.data(DISPATCH, { input })).toEqual(dispatched)
    const missing = { idempotencyKey: 'no-shipment', shipmentId: newId('shipment') }
    expect(await ops.data(DISPATCH, { input: missing })).toEqual({
      dispatchShipment: {
        ...{ __typename: 'ShipmentRefused', code: 'SHIPMENT_NOT_FOUND' },
        path: ['input', 'shipmentId'],
      },
    })
  })
})

describe('the catalogue', () => {
  const PRODUCT =
    '__typename ... on Refusal { code path } ... on ProductChanged { product { id price { amount } available } }'
  const PRICE = `mutation ($input: ChangePriceInput!) { changePrice(input: $input) { ${PRODUCT} } }`
  const ADJUST = `mutation ($input: AdjustStockInput!) { adjustStock(input: $input) {
    ${PRODUCT} ... on StockBelowReserved { onHand reserved } } }`
  const adjust = (idempotencyKey: string, quantity: number, sku = 'lamp') => ({
    input: { idempotencyKey, sku, warehouse: 'BER-1', quantity, reason: 'stock-taking' },
  })
  beforeAll(async () => {
    await addProduct(platform, { sku: 'lamp', price: '40.00', stock: { 'BER-1': 5 } })
    await placeOrder(customer, {
      idempotencyKey: 'lamp',
      sku: 'lamp',
      quantity: 3,
      deliveryInstructions: 'SANDBOX_HOLD',
    })
  })

  test('is changed by ops only', async () => {
    const input = { idempotencyKey: 'price', sku: 'lamp', price: { amount: '1.00', currency: 'USD' } }
    for (const browser of [customer, support]) {
      expect(await browser.codeOf(PRICE, { input })).toBe('FORBIDDEN')
      expect(await browser.codeOf(ADJUST, adjust('mine', 1))).toBe('FORBIDDEN')
    }
    expect(await openGraphSession(platform, 'bff-web').codeOf(PRICE, { input })).toBe('UNAUTHENTICATED')
  })

  test('has the new price at once, for later orders and no earlier one', async () => {
    const input = { idempotencyKey: 'price', sku: 'lamp', price: { amount: '44.00', currency: 'USD' } }
    expect(await ops.data(PRICE, { input })).toMatchObject({
      changePrice: { __typename: 'ProductChanged', product: { price: { amount: '44.00' } } },
    })
    const other = { ...input, idempotencyKey: 'no-product', sku: 'nothing' }
    expect(await ops.data(PRICE, { input: other })).toMatchObject({
      changePrice: { __typename: 'NoSuchProduct', code: 'PRODUCT_NOT_FOUND', path: ['input', 'sku'] },
    })
    const list = '{ orders(first: 1) { nodes { lines { sku } total { amount } } } }'
    const before = await customer.data(list)
    const id = await placeOrder(customer, {
      idempotencyKey: 'dearer',
      sku: 'lamp',
      deliveryInstructions: 'SANDBOX_HOLD',
    })
    const page = 'query ($id: ID!) { order(id: $id) { itemsTotal { amount } } }'
    expect(await customer.data(page, { id })).toEqual({ order: { itemsTotal: { amount: '44.00' } } })
    expect(before).toMatchObject({ orders: { nodes: [{ lines: [{ sku: 'lamp' }] }] } })
  })

  test('allows stock changes, but never below the reserved quantity', async () => {
    expect(await ops.data(ADJUST, adjust('in', 5))).toMatchObject({
      adjustStock: { __typename: 'ProductChanged', product: { available: 6 } },
    })
    expect(await ops.data(ADJUST, adjust('in', 5))).toMatchObject({
      adjustStock: { product: { available: 6 } },
    })
    expect(await ops.data(ADJUST, adjust('too-much', -7))).toMatchObject({
      adjustStock: { __typename: 'StockBelowReserved', onHand: 10, reserved: 4, path: ['input', 'quantity'] },
    })
    expect(await ops.data(ADJUST, adjust('unknown', 1, 'nothing'))).toMatchObject({
      adjustStock: { __typename: 'NoSuchProduct' },
    })
    expect(await ops.data(ADJUST, adjust('none', 0))).toEqual({
      adjustStock: { __typename: 'InvalidInput', code: 'BAD_USER_INPUT', path: ['input', 'quantity'] },
    })
    expect(await ops.data(ADJUST, adjust('in', 6))).toEqual({
      adjustStock: { __typename: 'IdempotencyConflict', code: 'CONFLICT', path: ['input', 'idempotencyKey'] },
    })
  })

  test('accepts a SKU once', async () => {
    const input = {
      idempotencyKey: 'lamp again',
      sku: 'lamp',
      title: 'Another lamp',
      price: { amount: '1.00', currency: 'USD' },
      weightGrams: 1,
      dimensions: { lengthCm: 1, widthCm: 1, heightCm: 1 },
    }
    const add = `mutation ($input: AddProductInput!) { addProduct(input: $input) { __typename ... on Refusal { code path } } }`
    expect(await ops.data(add, { input })).toEqual({
      addProduct: { __typename: 'ProductExists', code: 'PRODUCT_EXISTS', path: ['input', 'sku'] },
    })
  })
})

describe('the operations dashboard', () => {
  const QUERY = `{ operations {
    orderTotals { byStatus { status count } placed { amount currency } cancelled { amount } }
    inventoryTotals { products received onHand held reserved released shipped restocked }
    paymentTotals { currency requested authorised captured voided refunded }
    lowStock { sku availability }
    stuckFulfilments { stuck }
    notices { section }
  } }`

  test('shows consistent totals to support and ops', async () => {
    await addProduct(platform, { sku: 'sold-out', price: '1.00', stock: {} })
    // Other callers' commands show in the totals a moment later.
    await vi.waitFor(async () => {
      const { operations } = await ops.data<{ operations: Operations }>(QUERY)
      expect(operations.notices).toEqual([])
      const { orderTotals, inventoryTotals: stock, paymentTotals } = operations
      if (!orderTotals || !stock) throw new Error('a part of the dashboard is empty without a notice')
      expect(stock.onHand).toBe(stock.received - stock.shipped + stock.restocked)
      expect(stock.held).toBe(stock.reserved - stock.released - stock.shipped)
      const { orders } = await ops.data<{ orders: { nodes: { total: { amount: string } }[] } }>(
        '{ orders(first: 100) { nodes { total { amount } } } }',
      )
      const cents = (amounts: readonly { readonly amount: string }[]) =>
        amounts.reduce((sum, { amount }) => sum + Math.round(Number(amount) * 100), 0)
      expect(orderTotals.byStatus.reduce((sum, { count }) => sum + count, 0)).toBe(orders.nodes.length)
      expect(cents(orderTotals.placed)).toBe(cents(orders.nodes.map(({ total }) => total)))
      expect(paymentTotals).toMatchObject([{ currency: 'USD' }])
      expect(operations.lowStock).toContainEqual({ sku: 'sold-out', availability: 'OUT_OF_STOCK' })
      expect(operations.stuckFulfilments).toEqual([])
    }, WAIT)
    await support.data(QUERY)
  })

  test('is closed to customers, like the list of fulfilments', async () => {
    const fulfilments =
      '{ fulfilments(first: 5) { nodes { order { id number } phase pending stuck updatedAt } } }'
    expect(await customer.codeOf(QUERY)).toBe('FORBIDDEN')
    expect(await customer.codeOf(fulfilments)).toBe('FORBIDDEN')
    expect(await openGraphSession(platform, 'bff-web').codeOf(QUERY)).toBe('UNAUTHENTICATED')
  })

  test('lists fulfilments by phase', async () => {
    const query = `query ($phase: FulfilmentPhase) { fulfilments(filter: { phase: $phase }, first: 100) {
      totalCount nodes { id order { id number } phase pending timers { name dueAt } stuck lastError updatedAt } } }`
    type Fulfilments = {
      fulfilments: { totalCount: number; nodes: { id: string; order: { id: string }; phase: string }[] }
    }
    // A fulfilment is listed once it has paused, within two seconds.
    const running = await vi.waitFor(async () => {
      const { fulfilments } = await support.data<Fulfilments>(query, { phase: 'RUNNING' })
      expect(fulfilments.nodes.length).toBeGreaterThan(0)
      return fulfilments.nodes
    }, WAIT)
    const { fulfilments: ended } = await support.data<Fulfilments>(query, { phase: 'ENDED' })
    expect(new Set(running.map(({ phase }) => phase))).toEqual(new Set(['RUNNING']))
    expect(ended.nodes.every(({ phase }) => phase === 'ENDED')).toBe(true)
    const all = await support.data<Fulfilments>(query)
    expect(all.fulfilments.nodes.length).toBeGreaterThanOrEqual(running.length + ended.nodes.length)
    expect(all.fulfilments.totalCount).toBe(all.fulfilments.nodes.length)
    const node = `query ($id: ID!) { node(id: $id) { __typename id ... on Fulfilment { order { id } } } }`
    const [one] = running
    expect(await support.data(node, { id: one?.id })).toEqual({
      node: { __typename: 'Fulfilment', id: one?.id, order: { id: one?.order.id } },
    })
    expect(await customer.data(node, { id: one?.id })).toEqual({ node: null })
  })
})
