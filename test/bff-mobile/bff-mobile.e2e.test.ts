import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { OrderCard, OrderScreen, ProductCards } from '#schema/generated/bff-mobile.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { subscribe } from '#test/fixtures/subscription-client.ts'
import {
  ADDRESS,
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  registerShopper,
  type Shopper,
} from '#testbed/shop-client.ts'

let platform: TestPlatform
let shopper: Shopper
beforeAll(async () => {
  platform = await startPlatform({ CARRIER_SANDBOX_STEP_MS: '3600000' }) // parcels stay where they are
  await Promise.all([
    addProduct(platform, { sku: 'mug', price: '1200.00', stock: { 'BER-1': 50 } }),
    addProduct(platform, { sku: 'pen', price: '3.00', stock: { 'BER-1': 50 } }),
    addProduct(platform, { sku: 'gone', price: '9.00', stock: {} }),
  ])
  shopper = await registerShopper(platform, 'Ada')
})
afterAll(() => platform?.[Symbol.asyncDispose]())

const GERMAN = { 'accept-language': 'de-DE, en;q=0.5' }
const CARD = 'id number title status tone total placed'
const PLACE = `mutation ($input: CheckoutInput!) {
  checkout(input: $input) { order { ${CARD} } refusal { code message skus } } }`
type Outcome = {
  readonly order: OrderCard | null
  readonly refusal: { readonly code: string; readonly message: string; readonly skus: string[] } | null
}

/** Sends an operation as a phone would, in the language of `headers`. */
function send<T>(query: string, variables: object = {}, headers: Readonly<Record<string, string>> = {}) {
  return platform.send<T>('bff-mobile', shopper.token, query, variables, headers)
}

async function place(
  input: { readonly idempotencyKey: string } & Readonly<Record<string, unknown>>,
  headers = {},
): Promise<Outcome> {
  const whole = {
    lines: [{ sku: 'mug', quantity: 1 }],
    cardToken: 'tok_approve',
    address: ADDRESS,
    ...input,
  }
  const reply = await send<{ checkout: Outcome }>(PLACE, { input: whole }, headers)
  expect(reply.errors).toBeUndefined()
  return reply.data.checkout
}

const plain = (text: string | null | undefined) => text?.replaceAll(/[\u00a0\u202f]/g, ' ')

describe('an order by phone', () => {
  test("is placed, listed and shown in the user's language", async () => {
    const lines = [
      { sku: 'mug', quantity: 1 },
      { sku: 'pen', quantity: 2 },
    ]
    const { order: card, refusal } = await place({ idempotencyKey: 'german', lines, express: true }, GERMAN)
    expect(refusal).toBeNull()
    expect(card).toMatchObject({
      title: 'Product mug und 1 weitere',
      status: 'Bestätigt',
      tone: 'ACTIVE',
      placed: expect.stringMatching(/^\d\d\.\d\d\.\d{4}$/),
    })
    expect(plain(card?.total)).toMatch(/^1\.2\d\d,\d\d \$$/)

    const listed = await send<{ orders: { items: OrderCard[] } }>(
      `{ orders(first: 1) { items { ${CARD} } } }`,
      {},
      GERMAN,
    )
    expect(listed.data.orders.items).toEqual([card])

    const { data } = await send<{ order: OrderScreen }>(
      `query ($id: ID!) { order(id: $id) {
        id number status tone placed headline items shipping total paid actions notices { section }
        lines { sku title quantity total } parcels { status trackingNumber latest expected } } }`,
      { id: card?.id },
      GERMAN,
    )
    const { lines: shown, parcels, ...screen } = data.order
    expect(screen).toMatchObject({
      id: card?.id,
      number: card?.number,
      total: card?.total,
      actions: ['CANCEL'],
      notices: [],
    })
    expect(plain(screen.items)).toBe('1.206,00 $')
    expect(['0,00 $', plain(screen.total)]).toContain(plain(screen.paid))
    expect(shown.map(line => ({ ...line, total: plain(line.total) }))).toEqual([
      { sku: 'mug', title: 'Product mug', quantity: 1, total: '1.200,00 $' },
      { sku: 'pen', title: 'Product pen', quantity: 2, total: '6,00 $' },
    ])
    for (const parcel of parcels ?? []) expect(['Wird gepackt', 'Versandbereit']).toContain(parcel.status)
  })

  test('is updated live in the language of the connection', async () => {
    const { order } = await place({ idempotencyKey: 'live' })
    await using subscriber = subscribe<{ orderChanged: OrderScreen }>({
      url: platform.urls['bff-mobile'],
      token: shopper.token,
      query: 'subscription ($id: ID!) { orderChanged(id: $id) { status } }',
      variables: { id: order?.id },
      headers: GERMAN,
    })
    expect(await subscriber.next()).toEqual({ orderChanged: { status: 'Bestätigt' } })
  })

  test('can be cancelled, and shows that', async () => {
    const { order } = await place({ idempotencyKey: 'to-cancel' })
    const cancel = `mutation ($id: ID!) { cancelOrder(idempotencyKey: "cancel", orderId: $id) {
      order { id status tone } refusal { code } } }`
    const first = await send<{ cancelOrder: Outcome }>(cancel, { id: order?.id }, GERMAN)
    // What was taken for the parcel before the cancellation is told beside it.
    const status = expect.stringMatching(/^Storniert/)
    const cancelled = { order: { id: order?.id, status, tone: 'PROBLEM' }, refusal: null }
    expect(first.data.cancelOrder).toEqual(cancelled)
    const again = await send<{ cancelOrder: Outcome }>(cancel, { id: order?.id }, GERMAN)
    expect(again.data.cancelOrder).toEqual(cancelled)
  })

  test('that is on its way can no longer be cancelled', async () => {
    const input = checkoutInput({
      idempotencyKey: 'shipped',
      sku: 'pen',
      deliveryInstructions: 'SANDBOX_FAST',
    })
    const placed = await platform.send<CheckoutResponse>('bff-web', shopper.token, CHECKOUT, { input })
    const id = placed.data.checkout.order?.id
    await using subscriber = subscribe<{ orderChanged: OrderScreen }>({
      url: platform.urls['bff-mobile'],
      token: shopper.token,
      query: 'subscription ($id: ID!) { orderChanged(id: $id) { status tone actions } }',
      variables: { id },
    })
    const seen = await subscriber.until(({ orderChanged }) => orderChanged.actions.includes('REQUEST_RETURN'))
    expect(seen.at(-1)?.orderChanged).toMatchObject({ status: 'Delivered', tone: 'DONE' })
    const { data } = await send<{ cancelOrder: Outcome }>(
      `mutation ($id: ID!) { cancelOrder(idempotencyKey: "late", orderId: $id) { order { id } refusal { code } } }`,
      { id },
    )
    expect(data.cancelOrder).toEqual({ order: null, refusal: { code: expect.stringMatching(/^[A-Z_]+$/) } })
  })
})

describe('a checkout by phone that is refused', () => {
  test.each([
    ['an unknown product', { lines: [{ sku: 'nothing', quantity: 1 }] }, { skus: ['nothing'] }],
    ['more than there is', { lines: [{ sku: 'gone', quantity: 1 }] }, { skus: ['gone'] }],
    ['a card that is declined', { cardToken: 'tok_decline' }, { skus: [] }],
  ])('gives the reason: %s', async (name, input, refusal) => {
    const outcome = await place({ idempotencyKey: name, ...input })
    expect(outcome.refusal).toMatchObject({
      code: expect.stringMatching(/^[A-Z_]+$/),
      message: expect.stringMatching(/\.$/),
      ...refusal,
    })
    if (outcome.order) expect(outcome.order).toMatchObject({ status: 'Cancelled', tone: 'PROBLEM' })
  })
})

describe('the catalogue on a phone', () => {
  test('is searched, and read page by page', async () => {
    const query = `query ($search: String, $after: String) {
      products(search: $search, category: "test", first: 2, after: $after) {
        items { sku title price stock canOrder } next } }`
    const first = (await send<{ products: ProductCards }>(query)).data.products
    expect(first.items).toHaveLength(2)
    const second = (await send<{ products: ProductCards }>(query, { after: first.next })).data.products
    expect(second.next).toBeNull()
    const skus = [...first.items, ...second.items].map(item => item.sku)
    expect(skus.sort()).toEqual(['gone', 'mug', 'pen'])
    const found = (await send<{ products: ProductCards }>(query, { search: 'gone' }, GERMAN)).data.products
    expect(found.items).toMatchObject([{ sku: 'gone', stock: 'Ausverkauft', canOrder: false }])
  })

  test('returns one product, or null', async () => {
    const query = 'query ($sku: ID!) { product(sku: $sku) { title price canOrder } }'
    const known = await send<object>(query, { sku: 'pen' })
    expect(known.data).toEqual({ product: { title: 'Product pen', price: '$3.00', canOrder: true } })
    expect((await send<object>(query, { sku: 'nothing' })).data).toEqual({ product: null })
  })
})

test('the profile belongs to the caller', async () => {
  expect((await send<object>('{ me { id name } }')).data).toEqual({ me: { id: shopper.id, name: 'Ada' } })
})

test.each([0, -1, 51, 'null'])('a page of size %s is refused', async first => {
  for (const list of ['orders', 'products']) {
    const { errors } = await send(`{ ${list}(first: ${first}) { next } }`)
    expect(errors).toMatchObject([
      { message: expect.stringContaining('1 to 50'), extensions: { code: 'BAD_USER_INPUT' } },
    ])
  }
})
