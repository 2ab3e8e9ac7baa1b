// The mobile screens as cached pages: requests counted, small payloads, authorised on the value, whole or with notices.
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Order, OrderConnection } from '#schema/generated/bff-mobile.ts'
import { type RecordedBff, startRecordedBff } from '#test/bff-web/recorded-bff.ts'
import type { GraphSession } from '#test/fixtures/graph-session.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import { ADDRESS, addProduct, createSender, registerShopper, type Shopper } from '#testbed/shop-client.ts'

const SCREEN = `query ($id: ID!) { order(id: $id) {
  id number status statusText tone placed headline itemsTotal { text } shippingFee { text } total { text } paid { text }
  allowedActions lines { sku title quantity total { text } } shipments { id statusText latest { text } expected }
  notices { section code message } } }`
const LIST = `{ orders(first: 20) {
  nodes { id number title status statusText tone total { text } placed } pageInfo { hasNextPage endCursor } } }`

let platform: TestPlatform
let edge: RecordedBff
let shopper: Shopper
let ada: GraphSession
let eve: GraphSession
let ids: string[]
beforeAll(async () => {
  platform = await startPlatform({
    CARRIER_SANDBOX_STEP_MS: '3600000', // parcels stay where they are
    CAPTURE_AT: 'dispatch', // and so does their money
  })
  edge = await startRecordedBff(platform, ['shipping', 'payment'], 'bff-mobile')
  const skus = ['a-mug-to-drink-from', 'a-lamp-to-read-by-at-night', 'a-chair']
  for (const sku of skus) await addProduct(platform, { sku, price: '12.00', stock: { 'BER-1': 500 } })
  shopper = await registerShopper(platform, 'Ada')
  ada = edge.browser(shopper.token)
  eve = edge.browser((await registerShopper(platform, 'Eve')).token)
  ids = []
  for (let index = 0; index < 21; index += 1) ids.push(await place(ada, index, skus))
  await vi.waitFor(async () => {
    const screens = await Promise.all(ids.slice(0, 3).map(id => screenOf(ada, id)))
    for (const screen of screens) expect(screen?.shipments).toHaveLength(1)
  }, WAIT)
})
afterAll(async () => {
  await edge?.[Symbol.asyncDispose]()
  await platform?.[Symbol.asyncDispose]()
})

async function place(browser: GraphSession, index: number, skus: readonly string[]): Promise<string> {
  const input = {
    idempotencyKey: `page-${index}`,
    lines: skus.slice(index % skus.length).map(sku => ({ sku, quantity: 1 + (index % 7) })),
    tenders: [{ kind: 'CARD', token: 'tok_approve' }],
    deliveryAddress: ADDRESS,
  }
  const query =
    'mutation ($input: CheckoutInput!) { checkout(input: $input) { ... on OrderAccepted { order { id } } ... on OrderPending { order { id } } } }'
  return (await browser.data<{ checkout: { order: { id: string } } }>(query, { input })).checkout.order.id
}

async function screenOf(browser: GraphSession, id: string): Promise<Order | null> {
  return (await browser.data<{ order: Order | null }>(SCREEN, { id })).order
}

const namesOf = (requests: Awaited<ReturnType<RecordedBff['during']>>['requests']) =>
  requests.map(request => request.map(({ name }) => name))

describe('a screen', () => {
  test('costs one request when it is not cached, and none when it is, for any caller', async () => {
    const fresh = await startRecordedBff(platform, [], 'bff-mobile')
    await using _ = fresh
    const browser = fresh.browser(shopper.token)
    const staff = fresh.browser(await platform.token('support'))
    const [id = ''] = ids
    const every = `query ($id: ID!) { ${SCREEN.slice(SCREEN.indexOf('order('), -1)} again: order(id: $id) { headline }
      orders(first: 20) { nodes { id } } product(sku: "a-chair") { availabilityText } products { nodes { sku } }
      categories node(id: "prd_a-chair") { id } me { name } }`
    const cold = await fresh.during(() => browser.data(every, { id }))
    expect(namesOf(cold.requests).map(names => names.toSorted())).toEqual([
      ['Categories', 'Order', 'Order', 'Orders', 'Product', 'Products', 'Profile'],
    ])
    const sync = await fresh.during(() => browser.data('{ changesSince { changed { id } cursor } }'))
    expect(namesOf(sync.requests)).toEqual([['OrdersChanged']])
    const warm = await fresh.during(async () => [await screenOf(browser, id), await screenOf(staff, id)])
    expect(warm.requests).toEqual([])
    expect(warm.result[0]).toEqual(warm.result[1])
  })

  test('that is cached is not shown to another customer', async () => {
    const [id = ''] = ids
    expect(await screenOf(ada, id)).toMatchObject({ id })
    const foreign = await edge.during(async () => screenOf(eve, id))
    expect(foreign).toEqual({ result: null, requests: [] })
    const nobody = edge.browser()
    for (const query of [LIST, '{ me { id } }', '{ changesSince { cursor } }'])
      expect(await nobody.codeOf(query), query).toBe('UNAUTHENTICATED')
    expect(await nobody.codeOf(SCREEN, { id })).toBe('UNAUTHENTICATED')
    expect((await eve.data<{ orders: OrderConnection }>(LIST)).orders.nodes).toEqual([])
  })

  test('shows the result of a command at once, also to an app that sends no consistency token', async () => {
    const send = createSender(() => `${edge.url}/graphql`)
    const plain = async <T>(query: string, variables = {}) =>
      (await send<T>('bff-mobile', shopper.token, query, variables)).data
    const cancel = `mutation ($id: ID!, $key: String!) {
      cancelOrder(input: { idempotencyKey: $key, orderId: $id }) { __typename } }`
    for (const id of ids.slice(-5)) {
      await plain(SCREEN, { id })
      await plain(LIST)
      await plain(cancel, { id, key: id })
      const [{ order }, { orders }] = await Promise.all([
        plain<{ order: Order }>(SCREEN, { id }),
        plain<{ orders: OrderConnection }>(LIST),
      ])
      expect(order).toMatchObject({ statusText: 'Cancelled', headline: 'Cancelled as you asked' })
      const card = orders.nodes.find(item => item.id === id)
      expect(card).toMatchObject({ statusText: 'Cancelled', tone: 'PROBLEM' })
    }
  })

  test.each(['W1', '', 'ord_1', 'x'.repeat(10_000)])('is refused for a malformed id', async id => {
    const { result, requests } = await edge.during(() => ada.codeOf(SCREEN, { id }))
    expect(result).toBe('BAD_USER_INPUT')
    expect(requests).toEqual([])
  })
})

describe('the list of 20 orders', () => {
  test('reads what is heavy only when it is selected, and then in the same request', async () => {
    await using fresh = await startRecordedBff(platform, [], 'bff-mobile')
    const browser = fresh.browser(shopper.token)
    const sections = { details: false, products: false, payments: false, shipments: false }
    const light = await fresh.during(() => browser.data(LIST))
    expect(light.requests).toMatchObject([[{ name: 'Orders', variables: { ...sections, counted: false } }]])
    const heavy = await fresh.during(() =>
      browser.data(`{ orders(first: 20) { totalCount edges { node {
        headline paid { text } deliveryAddress { name } lines { total { text } product { title } } } } } }`),
    )
    const every = { details: true, products: true, payments: true, shipments: true, counted: true }
    expect(heavy.requests).toMatchObject([[{ name: 'Orders', variables: every }]])
    const kept = await fresh.during(() =>
      browser.data('{ changesSince { changed { id paid { text } deliveryAddress { name } } } }'),
    )
    // The changes come with their details; the payments of all of them are read together.
    expect(kept.requests[0]).toMatchObject([{ name: 'OrdersChanged', variables: { details: true } }])
    expect(kept.requests).toHaveLength(2)
  })

  test.each(['en', 'de', 'pt-BR'])('is under 6 KB on the wire, in %s', async language => {
    for (const coding of ['br', 'gzip']) {
      const { length, encoding } = await onTheWire(language, coding)
      expect(encoding).toBe(coding)
      expect(length).toBeLessThan(6 * 1024)
    }
  })

  /** The bytes of the answer as they came, whatever decodes them. */
  async function onTheWire(language: string, coding: string) {
    const sending = request(`${edge.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${shopper.token}`,
        'accept-language': language,
        'accept-encoding': coding,
      },
    })
    sending.end(JSON.stringify({ query: LIST }))
    const [response]: IncomingMessage[] = await once(sending, 'response')
    if (!response) throw new Error('there is no answer')
    const body = await buffer(response)
    const text = (coding === 'br' ? brotliDecompressSync : gunzipSync)(body).toString()
    expect(JSON.parse(text).data.orders.nodes).toHaveLength(20)
    return { length: body.length, encoding: response.headers['content-encoding'] }
  }
})

describe('a screen with a section that cannot be loaded', () => {
  test('is served with notices in the language of the user, and is complete later', async () => {
    const send = createSender(() => `${edge.url}/graphql`)
    const id = ids[7] ?? '' // nobody has read it yet
    const inGerman = async () =>
      (await send<{ order: Order }>('bff-mobile', shopper.token, SCREEN, { id }, { 'accept-language': 'de' }))
        .data.order
    await edge.stop('shipping')
    expect(await inGerman()).toMatchObject({ paid: { text: expect.stringMatching(/0,00/) }, shipments: null })
    await edge.stop('payment')
    expect(await inGerman()).toMatchObject({
      id,
      statusText: 'Bestätigt',
      paid: null,
      shipments: null,
      notices: [
        {
          section: 'SHIPMENTS',
          code: 'UNAVAILABLE',
          message: 'Die Pakete können gerade nicht angezeigt werden.',
        },
        {
          section: 'PAYMENTS',
          code: 'UNAVAILABLE',
          message: 'Die Zahlung kann gerade nicht angezeigt werden.',
        },
      ],
    })
    const listed = await ada.data<{ orders: OrderConnection }>(
      '{ orders(first: 3) { nodes { id paid { text } notices { section } } } }',
    )
    for (const order of listed.orders.nodes)
      expect(order).toMatchObject({ paid: null, notices: [{ section: 'PAYMENTS' }] })
    expect(await screenOf(ada, ids[0] ?? '')).toMatchObject({ notices: [] }) // cached, and still true
    await edge.start('shipping')
    await edge.start('payment')
    await expect.poll(async () => (await inGerman()).notices).toEqual([])
  })
})
