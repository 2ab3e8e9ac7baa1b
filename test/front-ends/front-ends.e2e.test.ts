// Runs front ends with Apollo Client, urql and Relay in a browser, from other origins than the web BFF: those of this room,
// and those of the how-to.
import { buildSchema, isUnionType } from 'graphql'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findChromium, openPage } from '#test/fixtures/chromium.ts'
import { type GraphSession, openGraphSession, placeOrder } from '#test/fixtures/graph-session.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import {
  buildFromPage,
  buildFrontEnds,
  type Chapter,
  type FrontEnd,
  packagesOfPage,
} from '#test/front-ends/build.ts'
import { openShop, type ShopPage } from '#test/front-ends/shop-page.ts'
import { serveFiles } from '#test/front-ends/static-server.ts'
import { addProduct, checkoutInput, registerShopper, type Shopper } from '#testbed/shop-client.ts'
import { readText } from '#tools/schema/generated-files.ts'

const SHOPS = ['apollo', 'urql', 'relay'] as const
type ShopName = (typeof SHOPS)[number]

const chromium = await findChromium()
const reason = 'missing' in chromium ? chromium.missing : ''

let site: Awaited<ReturnType<typeof serveFiles>>
let pageSite: Awaited<ReturnType<typeof serveFiles>>
let platform: TestPlatform
let built: FrontEnd
/** The front end of the how-to that `pageSite` serves. */
let builtFromPage: FrontEnd
let browser: Browser

beforeAll(async () => {
  if (!('start' in chromium)) return
  site = await serveFiles(() => built.dist)
  pageSite = await serveFiles(() => builtFromPage.dist)
  // The orders stay as they are until a test does something: the carrier takes no step, and no parcel is collected.
  const settings = { CORS_ORIGINS: `${site.url},${pageSite.url}`, CARRIER_SANDBOX_STEP_MS: '3600000' }
  await Promise.all([
    startPlatform(settings).then(started => {
      platform = started
    }),
    buildFrontEnds().then(finished => {
      built = finished
    }),
  ])
  browser = await chromium.start()
  await addProduct(platform, { sku: 'mug', price: '12.00', stock: { 'BER-1': 1_000 } })
  await addProduct(platform, { sku: 'rare', price: '12.00', stock: { 'BER-1': 3 } })
  await addProduct(platform, { sku: 'tasse', price: '11.00', currency: 'EUR', stock: { 'BER-1': 1_000 } })
}, 300_000)
afterAll(async () => {
  await browser?.close()
  await platform?.[Symbol.asyncDispose]()
  await built?.[Symbol.asyncDispose]()
  await site?.[Symbol.asyncDispose]()
  await pageSite?.[Symbol.asyncDispose]()
})

/** Registers a customer with confirmed orders, which are returned newest first. */
async function shopperWithOrders(count: number) {
  const shopper = await registerShopper(platform)
  const session = openGraphSession(platform, 'bff-web', shopper.token)
  const orders: string[] = []
  for (let nth = 0; nth < count; nth++) orders.unshift(await buy(session, `${shopper.id}-${nth}`))
  return { shopper, session, orders }
}

function buy(session: GraphSession, idempotencyKey: string): Promise<string> {
  return placeOrder(session, basket({ idempotencyKey }))
}

type Basket = { readonly idempotencyKey: string } & Readonly<Record<string, unknown>>

/** A parcel of it waits for `dispatchShipment`. */
function basket(input: Basket) {
  return { sku: 'mug', deliveryInstructions: 'SANDBOX_HOLD', ...input }
}

function open(name: ShopName, { token }: Shopper, after?: string): Promise<ShopPage> {
  const api = `${platform.urls['bff-web']}/graphql`
  return openShop(browser, `${site.url}/${name}/index.html`, { api, token, ...(after && { after }) })
}

type Parcels = { order: { shipments: readonly { readonly id: string; readonly status: string }[] | null } }
const PARCELS = 'query($id: ID!) { order(id: $id) { shipments { id status } } }'
const DISPATCH = `mutation($input: DispatchShipmentInput!) {
  dispatchShipment(input: $input) { __typename ... on Refusal { code message } }
}`

/** Hands an order to the carrier, as the warehouse does: nobody tells the shop's page but the server. */
async function dispatch(session: GraphSession, orderId: string): Promise<void> {
  const parcelsOf = async () =>
    (await session.data<Parcels>(PARCELS, { id: orderId })).order.shipments?.filter(
      ({ status }) => status === 'LABELLED',
    ) ?? []
  await expect.poll(async () => (await parcelsOf()).length).toBe(1)
  const ops = openGraphSession(platform, 'bff-web', await platform.token('ops'))
  for (const { id } of await parcelsOf())
    expect(await ops.data(DISPATCH, { input: { idempotencyKey: id, shipmentId: id } })).toEqual({
      dispatchShipment: { __typename: 'ShipmentChanged' },
    })
}

/** Each refusal of a checkout: the input that leads to it, and the special part of it that the page shows. */
const REFUSALS: Readonly<Record<string, { readonly input: object; readonly shows: string | RegExp }>> = {
  UnknownProduct: { input: { lines: [{ sku: 'nowhere', quantity: 1 }] }, shows: 'there is no nowhere' },
  OutOfStock: { input: { lines: [{ sku: 'rare', quantity: 4 }] }, shows: '3 of rare left' },
  PaymentDeclined: {
    input: { tenders: [{ kind: 'CARD', token: 'tok_decline' }] },
    shows: 'try another card',
  },
  TotalChanged: {
    input: { expectedTotal: { amount: '0.01', currency: 'USD' } },
    shows: /\d\.\d\d USD instead of 0\.01 USD/,
  },
  TenderMismatch: {
    input: { tenders: [{ kind: 'CARD', token: 'tok_approve', amount: { amount: '1.00', currency: 'USD' } }] },
    shows: /1\.00 USD for \d+\.\d\d USD/,
  },
  MixedCurrencies: { input: { lines: ['mug', 'tasse'].map(sku => ({ sku, quantity: 1 })) }, shows: 'EUR' },
  InvalidInput: { input: { lines: [{ sku: 'mug', quantity: 0 }] }, shows: '(input.lines.0.quantity)' },
}
/** These need something to have happened before: each has a test of its own. */
const ELSEWHERE = ['UnknownCustomer', 'OrderNotFulfilled', 'IdempotencyConflict']

test('the refusals that are shown are all that a checkout has', async () => {
  const result = buildSchema(await readText('schema/bff-web.graphql')).getType('CheckoutResult')
  const members = isUnionType(result) ? result.getTypes() : []
  const refusals = members.flatMap(type =>
    type.getInterfaces().some(({ name }) => name === 'Refusal') ? type.name : [],
  )
  expect([...Object.keys(REFUSALS), ...ELSEWHERE].sort()).toEqual(refusals.sort())
})

describe.skipIf(reason !== '').each(SHOPS)(`a shop with %s ${reason}`, name => {
  test('pages through a list both ways from its middle', async () => {
    const { shopper, session, orders } = await shopperWithOrders(5)
    const newest = 'query { orders(first: 1) { pageInfo { endCursor } } }'
    const { orders: top } = await session.data<{ orders: { pageInfo: { endCursor: string } } }>(newest)
    await using shop = await open(name, shopper, top.pageInfo.endCursor)
    await expect.poll(shop.listed).toEqual(orders.slice(1, 3))
    await shop.press('Older')
    await expect.poll(shop.listed).toEqual(orders.slice(1))
    await shop.press('Newer')
    await expect.poll(shop.listed).toEqual(orders)
    expect(await shop.ends()).toEqual({ newer: false, older: false })
    expect(shop.problems).toEqual([])
  })

  test('shows a cancellation at once, in the list and on the page, and then what came of it', async () => {
    const { shopper, orders } = await shopperWithOrders(2)
    const [, id = ''] = orders
    await using shop = await open(name, shopper)
    await shop.select(id)
    expect(await shop.agreed(id)).toBe('CONFIRMED')
    const release = await shop.holdBack('cancelOrder')
    await shop.press('Cancel')
    await expect.poll(() => shop.agreed(id)).toBe('CANCELLED')
    expect(await shop.text()).not.toContain('CUSTOMER_REQUEST')
    await release()
    await expect.poll(shop.outcome).toMatch(/^(OrderCancelled|CancellationPending)/)
    await expect.poll(shop.text).toContain('CUSTOMER_REQUEST')
    await expect.poll(() => shop.agreed(id)).toBe('CANCELLED')
    expect(shop.problems).toEqual([])
  })

  test('follows a live change, and takes a cancellation back that is refused', async () => {
    const { shopper, session, orders } = await shopperWithOrders(2)
    const [, id = ''] = orders
    await using shop = await open(name, shopper)
    await shop.select(id)
    expect(await shop.agreed(id)).toBe('CONFIRMED')
    await dispatch(session, id)
    await expect.poll(() => shop.agreed(id)).toBe('SHIPPED')
    const release = await shop.holdBack('cancelOrder')
    await shop.press('Cancel')
    await expect.poll(() => shop.agreed(id)).toBe('CANCELLED')
    await release()
    await expect.poll(shop.outcome).toContain('CannotCancel ORDER_SHIPPED (input.orderId)')
    expect(await shop.agreed(id)).toBe('SHIPPED')
    expect(shop.problems).toEqual([])
  })

  test('checks out, and shows each refusal with what is special about it', async () => {
    const { shopper, session, orders } = await shopperWithOrders(1)
    await using shop = await open(name, shopper)
    await expect.poll(shop.listed).toEqual(orders)
    const order = (input: Basket) => answerTo(shop, input)

    expect(await order({ idempotencyKey: 'accepted' })).toBe('OrderAccepted')
    expect(await shop.agreed(await newestOf(shop, 2))).toBe('CONFIRMED')

    for (const [refusal, { input, shows }] of Object.entries(REFUSALS)) {
      const answer = await order({ idempotencyKey: refusal, ...input })
      expect(answer).toMatch(new RegExp(`^${refusal} [A-Z_]+ \\(`))
      expect(answer).toEqual(expect.stringMatching(shows))
    }
    expect(await order({ idempotencyKey: 'accepted', quantity: 2 })).toMatch(
      /^IdempotencyConflict CONFLICT \(input\.idempotencyKey\)/,
    )
    expect(await shop.agreed(await newestOf(shop, 3))).toBe('CANCELLED') // the declined card's

    const cancelled = await buy(session, 'cancelled')
    const cancel = () => session.data(CANCEL, { input: { idempotencyKey: 'cancel', orderId: cancelled } })
    await expect.poll(cancel).toEqual({ cancelOrder: { __typename: 'OrderCancelled' } })
    expect(await order({ idempotencyKey: 'cancelled' })).toBe('OrderNotFulfilled ORDER_NOT_FULFILLED ()')
    expect(await newestOf(shop, 4)).toBe(cancelled)
    expect(await shop.agreed(cancelled)).toBe('CANCELLED')
    expect(shop.problems).toEqual([])
  })

  test('shows to somebody who has not registered that an order needs that', async () => {
    const id = 'cus_01920000-0000-7000-8000-0000000000ff'
    await using shop = await open(name, { id, token: await platform.token('customer', id) })
    const answer = await answerTo(shop, { idempotencyKey: 'unknown' })
    expect(answer).toMatch(/^UnknownCustomer CUSTOMER_UNKNOWN /)
    expect(answer).toContain(`${id} is not registered`)
    expect(shop.problems).toEqual([])
  })
})

/** Orders in the shop until the order is decided, since a busy machine takes longer than one request waits. */
async function answerTo(shop: ShopPage, input: Basket): Promise<string> {
  for (;;) {
    await shop.order(checkoutInput(basket(input)))
    await expect.poll(shop.outcome).not.toBe('')
    const answer = await shop.outcome()
    if (answer !== 'OrderPending') return answer
  }
}

const CANCEL = 'mutation($input: CancelOrderInput!) { cancelOrder(input: $input) { __typename } }'

/** Waits until the list has `count` orders, and returns the id of the first. */
async function newestOf(shop: ShopPage, count: number): Promise<string> {
  await expect.poll(async () => (await shop.listed()).length).toBe(count)
  return (await shop.listed())[0] ?? ''
}

test.skipIf(reason !== '')('a page of an origin that the operator did not name gets nothing', async () => {
  await using elsewhere = await serveFiles(() => built.dist)
  const { shopper } = await shopperWithOrders(1)
  const api = `${platform.urls['bff-web']}/graphql`
  await using shop = await openShop(browser, `${elsewhere.url}/apollo/index.html`, {
    api,
    token: shopper.token,
  })
  await expect.poll(() => shop.problems.join()).toContain('CORS policy')
  expect(await shop.listed()).toEqual([])
})

describe.skipIf(reason !== '')(`the how-to ${reason}`, () => {
  test('tells to install packages that these tests have', async () => {
    const { dependencies, devDependencies } = JSON.parse(await readText('package.json'))
    expect(Object.keys({ ...dependencies, ...devDependencies })).toEqual(
      expect.arrayContaining(packagesOfPage()),
    )
  })

  /** Builds the front end of a chapter for a customer, and opens it. */
  async function follow(chapter: Chapter, { token }: Shopper): Promise<AsyncDisposable & { page: Page }> {
    const front = await buildFromPage(chapter, { api: `${platform.urls['bff-web']}/graphql`, token })
    builtFromPage = front
    const { page, problems, foreign } = await openPage(browser)
    await page.goto(`${pageSite.url}/`)
    return {
      page,
      async [Symbol.asyncDispose]() {
        await page.close()
        await front[Symbol.asyncDispose]()
        expect({ problems, foreign }).toEqual({ problems: [], foreign: [] })
      },
    }
  }

  test('leads to a shop with Apollo Client: a refusal, an order, a live change, a cancellation', async () => {
    const { shopper, session } = await shopperWithOrders(0)
    await using shop = await follow('Apollo Client', shopper)
    const { page } = shop
    const buyMug = page.getByRole('button', { name: 'Buy Product mug' })
    const answer = page.locator('section').getByRole('status')
    const answerTo = async (card: string) => {
      await page.getByLabel('Card').fill(card)
      let told = 'still being asked'
      while (told.includes('still being asked')) {
        await buyMug.click()
        await expect.poll(() => answer.allTextContents()).toHaveLength(1)
        told = (await answer.textContent()) ?? ''
      }
      return told
    }
    expect(await answerTo('tok_decline')).toMatch(/declined/)
    expect(await answerTo('tok_approve')).toMatch(/^Thank you: your order is W/)
    const bought = page.locator('main > ul > li').first()
    await expect.poll(() => bought.textContent()).toMatch(/CONFIRMED.*1 × Product mug/)

    await bought.getByRole('button', { name: 'Cancel' }).click()
    await expect.poll(() => bought.textContent()).toMatch(/CANCELLED/)

    const id = await buy(session, 'held')
    await page.reload()
    await expect.poll(() => bought.textContent()).toMatch(/CONFIRMED/)
    await dispatch(session, id)
    await expect.poll(() => bought.textContent()).toMatch(/SHIPPED/)
  })

  test.each(['urql', 'Relay'] as const)('leads to a live list of orders with %s', async chapter => {
    const { shopper, session, orders } = await shopperWithOrders(1)
    await using shop = await follow(chapter, shopper)
    const row = shop.page.locator('main li')
    await expect.poll(() => row.allTextContents()).toEqual([expect.stringMatching(/^W\w{10} CONFIRMED$/)])
    await dispatch(session, orders[0] ?? '')
    await expect.poll(() => row.allTextContents()).toEqual([expect.stringMatching(/^W\w{10} SHIPPED$/)])
  })
})
