// The money of a checkout through the web graph: the fee that the product page shows, and tenders that take nothing.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Product } from '#schema/generated/bff-web.ts'
import {
  type GraphSession,
  openGraphSession,
  openShopperSession,
  placeOrder,
} from '#test/fixtures/graph-session.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import {
  ADDRESS,
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  registerShopper,
  untilDecided,
} from '#testbed/shop-client.ts'

const KETTLE = { lengthCm: 28, widthCm: 18, heightCm: 22 }

const REFUSED = '__typename ... on Refusal { code path }'

let platform: TestPlatform
beforeAll(async () => {
  platform = await startPlatform({ CARRIER_SANDBOX_STEP_MS: '3600000' }) // parcels stay where they are
  await Promise.all([
    addProduct(platform, { sku: 'kettle', price: '59.00', stock: { 'BER-1': 10 }, dimensions: KETTLE }),
    addProduct(platform, { sku: 'coffee-mug', price: '12.00', stock: { 'BER-1': 100 } }),
  ])
})
afterAll(() => platform?.[Symbol.asyncDispose]())

describe("a product's page", () => {
  const PAGE = `query ($country: String!) { product(sku: "kettle") {
    shippingEstimate(country: $country) { fee { amount } } } }`

  test('shows the shipping fee that an order and a quote of one unit have, by its size', async () => {
    const ada = await openShopperSession(platform, 'Ada')
    const { shippingEstimate } = (await ada.data<{ product: Product }>(PAGE, { country: 'US' })).product
    expect(shippingEstimate?.fee.amount).toBe('43.10')
    const goods = [{ quantity: 1, weightGrams: 500, dimensions: KETTLE }]
    const input = { country: 'US', goods, currency: 'USD' }
    const quote =
      'query ($input: ShippingQuoteInput!) { shippingQuote(input: $input) { ... on ShippingQuote { fee { amount } } } }'
    expect(await ada.data(quote, { input })).toEqual({ shippingQuote: { fee: { amount: '43.10' } } })
    const id = await placeOrder(ada, { idempotencyKey: 'kettle', sku: 'kettle' })
    const page = 'query ($id: ID!) { order(id: $id) { shippingFee { amount } } }'
    expect(await ada.data(page, { id })).toEqual({ order: { shippingFee: { amount: '43.10' } } })
  })

  test.each(['UK', 'ZZ', 'EU', 'us'])(
    'refuses %s as a country, like a quote and a checkout',
    async country => {
      const ada = await openShopperSession(platform, 'Ada')
      const page =
        'query ($country: String!) { product(sku: "kettle") { shippingEstimate(country: $country) { days } } }'
      const quote = `query ($input: ShippingQuoteInput!) { shippingQuote(input: $input) { ${REFUSED} } }`
      const order = checkoutInput({ idempotencyKey: `to-${country}`, sku: 'kettle' })
      const input = { ...order, deliveryAddress: { ...ADDRESS, country } }
      expect(await ada.codeOf(page, { country })).toBe('BAD_USER_INPUT')
      const invalid = { __typename: 'InvalidInput', code: 'BAD_USER_INPUT' }
      expect(await ada.data(quote, { input: { country, weightGrams: 1, currency: 'USD' } })).toEqual({
        shippingQuote: { ...invalid, path: ['input', 'country'] },
      })
      const place = `mutation ($input: CheckoutInput!) { checkout(input: $input) { ${REFUSED} } }`
      expect(await ada.data(place, { input })).toEqual({
        checkout: { ...invalid, path: ['input', 'deliveryAddress', 'country'] },
      })
    },
  )
})

describe('the tenders of a checkout', () => {
  const voucher = (amount: string) => ({
    ...{ kind: 'VOUCHER', token: 'vch_gift' },
    amount: { amount, currency: 'USD' },
  })
  const card = { kind: 'CARD', token: 'tok_approve' }
  const pay = async (browser: GraphSession, idempotencyKey: string, ...tenders: object[]) =>
    (
      await browser.data<CheckoutResponse & { checkout: { message?: string } }>(CHECKOUT, {
        input: checkoutInput({ idempotencyKey, sku: 'coffee-mug', tenders }),
      })
    ).checkout

  test('may be a voucher that covers everything and a card that is not used', async () => {
    const ada = await openShopperSession(platform, 'Ada')
    const { order } = await pay(ada, 'gift', voucher('25.94'), card)
    const page = `query ($id: ID!) { order(id: $id) {
      total { amount } payments { tenders { kind amount { amount } } } } }`
    await expect
      .poll(() => ada.data(page, { id: order?.id }))
      .toEqual({
        order: {
          total: { amount: '25.94' },
          payments: [{ tenders: [{ kind: 'VOUCHER', amount: { amount: '25.94' } }] }],
        },
      })
  })

  test('that do not add up to the total are refused with what to change', async () => {
    const ada = await openShopperSession(platform, 'Ada')
    const refused = { __typename: 'TenderMismatch', code: 'TENDER_MISMATCH' }
    expect(await pay(ada, 'nothing')).toMatchObject({
      ...refused,
      message: 'The order comes to 25.94 USD, and no tender pays for it: give one.',
    })
    expect(await pay(ada, 'more', voucher('30.00'), card)).toMatchObject({
      ...refused,
      message: "The tenders come to 30.00 USD, 4.06 USD more than the order's 25.94 USD: lower an amount.",
    })
  })

  test('may be omitted when staff give the order away', async () => {
    const { id } = await registerShopper(platform, 'Ada')
    const ops = openGraphSession(platform, 'bff-web', await platform.token('ops'))
    const gift = { customerId: id, adjustments: [{ label: 'Gift', amount: voucher('-25.94').amount }] }
    const order = checkoutInput({ idempotencyKey: 'free', sku: 'coffee-mug', ...gift })
    const { tenders: _, ...free } = { tenders: [], ...order }
    const { checkout } = await untilDecided(() => ops.data<CheckoutResponse>(CHECKOUT, { input: free }))
    expect(checkout).toMatchObject({ __typename: 'OrderAccepted', order: { status: 'CONFIRMED' } })
  })
})
