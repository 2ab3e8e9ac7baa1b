// REST on the web BFF, through gateway and subgraphs, as a client without GraphQL uses it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatToken, parseToken } from '#platform/consistency/consistency-token.ts'
import { mergePositions } from '#platform/consistency/position-vector.ts'
import { newId } from '#platform/domain/ids.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { ADDRESS, addProduct, registerShopper, type Shopper } from '#testbed/shop-client.ts'

let platform: TestPlatform
let ada: Shopper
let ben: Shopper
beforeAll(async () => {
  platform = await startPlatform({ CARRIER_SANDBOX_STEP_MS: '3600000' }) // parcels stay where they are
  await addProduct(platform, { sku: 'jug', price: '20.00', stock: { 'NYC-1': 6 } })
  ada = await registerShopper(platform, 'Ada Rest')
  ben = await registerShopper(platform, 'Ben Rest')
})
afterAll(() => platform?.[Symbol.asyncDispose]())

type Answer<T> = { readonly status: number; readonly headers: Headers; readonly body: T }

/** A client that sends what it was told of consistency with its next request. */
function clientOf(token: string) {
  let reached = {}
  return async function ask<T>(
    method: string,
    path: string,
    { body, headers = {} }: { readonly body?: object; readonly headers?: Record<string, string> } = {},
  ): Promise<Answer<T>> {
    const response = await fetch(`${platform.urls['bff-web']}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        'waybill-consistency': formatToken(reached),
        ...(method === 'POST' && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    reached = mergePositions(reached, parseToken(response.headers.get('waybill-consistency') ?? undefined))
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text && JSON.parse(text) }
  }
}

type Order = { readonly id: string; readonly number: string; readonly status: string }
type OrderList = { readonly orders: readonly Order[]; readonly pageInfo: { readonly endCursor: string } }
type Problem = { readonly code: string; readonly refusal?: Readonly<Record<string, unknown>> }

const order = (quantity: number, rest: object = {}) => ({
  lines: [{ sku: 'jug', quantity }],
  tenders: [{ kind: 'CARD', token: 'tok_approve' }],
  deliveryAddress: ADDRESS,
  settleWithinMs: 10_000,
  ...rest,
})
const key = (name: string) => ({ 'idempotency-key': name })

describe('an order', () => {
  test('is placed once under its key, found by its location, and cancelled', async () => {
    const ask = clientOf(ada.token)
    const placed = await ask<Order>('POST', '/api/v1/orders', { body: order(1), headers: key('rest-1') })
    expect(placed.status).toBe(201)
    expect(placed.body).toMatchObject({ status: 'CONFIRMED', total: { currency: 'USD' } })
    expect(placed.headers.get('waybill-consistency')).toMatch(/orders=\d+/)
    const again = await ask<Order>('POST', '/api/v1/orders', { body: order(1), headers: key('"rest-1"') })
    expect(again.body.id).toBe(placed.body.id)
    const other = await ask<Problem>('POST', '/api/v1/orders', { body: order(2), headers: key('rest-1') })
    expect(other).toMatchObject({ status: 409, body: { code: 'CONFLICT' } })

    const location = placed.headers.get('location') ?? ''
    const read = await ask<Order>('GET', location)
    expect(read).toMatchObject({
      status: 200,
      body: { id: placed.body.id, allowedActions: ['CANCEL'], notices: [] },
    })
    const known = { 'if-none-match': read.headers.get('etag') ?? '' }
    expect((await ask('GET', location, { headers: known })).status).toBe(304)

    const cancelled = await ask<Order>('POST', `${location}/cancel`, { headers: key('rest-2') })
    expect(cancelled).toMatchObject({ status: 200, body: { status: 'CANCELLED' } })
    const after = await ask<Order>('GET', location, { headers: known })
    expect(after).toMatchObject({ status: 200, body: { status: 'CANCELLED' } })
  })

  test('that fails for stock or card is refused, with what the client needs to act on it', async () => {
    const ask = clientOf(ada.token)
    const tooMany = await ask<Problem>('POST', '/api/v1/orders', { body: order(50), headers: key('rest-3') })
    const shortages = [{ sku: 'jug', requested: 50, available: expect.any(Number) }]
    expect(tooMany).toMatchObject({
      status: 409,
      body: { code: 'OUT_OF_STOCK', refusal: { type: 'OutOfStock', shortages } },
    })
    const declined = await ask<Problem>('POST', '/api/v1/orders', {
      body: order(1, { tenders: [{ kind: 'CARD', token: 'tok_decline' }] }),
      headers: key('rest-4'),
    })
    expect(declined).toMatchObject({ status: 422, body: { refusal: { type: 'PaymentDeclined' } } })
    const unknown = await ask<Problem>('POST', '/api/v1/orders', {
      body: order(1, { lines: [{ sku: 'no-such', quantity: 1 }] }),
      headers: key('rest-5'),
    })
    expect(unknown).toMatchObject({ status: 422, body: { refusal: { skus: ['no-such'] } } })
    const tooBig = await ask<Problem>('POST', '/api/v1/orders', {
      body: order(20_000),
      headers: key('rest-6'),
    })
    expect(tooBig).toMatchObject({ status: 400, body: { code: 'BAD_USER_INPUT' } })
  })

  test('of another customer can be neither read nor cancelled, and staff see it', async () => {
    const placed = await clientOf(ada.token)<Order>('POST', '/api/v1/orders', {
      body: order(1),
      headers: key('rest-7'),
    })
    const path = `/api/v1/orders/${placed.body.id}`
    const foreign = clientOf(ben.token)
    for (const unseen of [path, `/api/v1/orders/${newId('order')}`])
      expect(await foreign('GET', unseen), unseen).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } })
    expect(await foreign('POST', `${path}/cancel`, { headers: key('rest-8') })).toMatchObject({
      status: 404,
      body: { code: 'ORDER_NOT_FOUND' },
    })
    const staff = clientOf(await platform.token('support'))
    const seen = placed.headers.get('waybill-consistency') ?? ''
    expect(await staff('GET', path, { headers: { 'waybill-consistency': seen } })).toMatchObject({
      status: 200,
      body: { id: placed.body.id },
    })
  })
})

describe('lists', () => {
  test('show a customer its own orders, page by page, right after it placed one', async () => {
    const ask = clientOf(ben.token)
    const placed = await ask<Order>('POST', '/api/v1/orders', {
      body: order(1, { reference: 'PO-77' }),
      headers: key('rest-9'),
    })
    const mine = await ask<OrderList>('GET', `/api/v1/orders/customer/${ben.id}?first=1`)
    expect(mine).toMatchObject({ status: 200, body: { orders: [{ id: placed.body.id }] } })
    const next = `/api/v1/orders/customer/${ben.id}?first=1&after=${mine.body.pageInfo.endCursor}`
    expect(await ask<OrderList>('GET', next)).toMatchObject({ status: 200, body: { orders: [] } })
    expect((await ask('GET', `/api/v1/orders/customer/${ada.id}`)).status).toBe(403)
  })

  test('are searched by words, states and days; customers find their own orders, staff all', async () => {
    const day = new Date(Date.now() - 86_400_000).toISOString()
    const search = `/api/v1/orders/search?text=PO-77&status=CONFIRMED,SHIPPED&placedFrom=${day}&first=10`
    const ask = clientOf(ben.token)
    await expect.poll(async () => (await ask<OrderList>('GET', search)).body.orders.length).toBe(1)
    expect(await clientOf(ada.token)('GET', search)).toMatchObject({ status: 200, body: { orders: [] } })
    const staff = clientOf(await platform.token('ops'))
    expect(await staff('GET', search)).toMatchObject({
      status: 200,
      body: { orders: [{ status: 'CONFIRMED' }] },
    })
    expect(await ask('GET', '/api/v1/orders/search?after=junk')).toMatchObject({
      status: 400,
      body: { code: 'BAD_USER_INPUT' },
    })
  })
})
