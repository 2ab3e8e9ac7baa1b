import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import {
  ADDRESS,
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  registerShopper,
  type Shopper,
  untilDecided,
} from '#testbed/shop-client.ts'

type PaidOrder = {
  readonly payments: readonly {
    readonly status: string
    readonly captured: { readonly amount: string }
    readonly refunded: { readonly amount: string }
  }[]
  readonly reservation: { readonly status: string }
}

let platform: TestPlatform
let shopper: Shopper
let stranger: Shopper
beforeAll(async () => {
  platform = await startPlatform()
  await addProduct(platform, { sku: 'kettle', price: '59.90', stock: { 'BER-1': 50 } })
  await addProduct(platform, { sku: 'lamp', price: '40.00', stock: { 'NYC-1': 50 } })
  ;[shopper, stranger] = await Promise.all([registerShopper(platform), registerShopper(platform)])
})
afterAll(() => platform[Symbol.asyncDispose]())

async function checkout(input: Parameters<typeof checkoutInput>[0]) {
  const { checkout: answer } = await untilDecided(async () => {
    const variables = { input: checkoutInput(input) }
    const reply = await platform.send<CheckoutResponse>('bff-web', shopper.token, CHECKOUT, variables)
    expect(reply.errors).toBeUndefined()
    return reply.data
  })
  return answer
}

type Followed = { readonly status?: string; readonly order?: { readonly status: string } }

/** Collects the statuses that a subscriber sees, until `last`. */
async function follow(
  graph: 'bff-web' | 'bff-mobile',
  query: string,
  until: (state: string) => boolean,
  token = shopper.token,
) {
  const client = createClient({
    url: `${platform.urls[graph].replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
    retryAttempts: 0,
  })
  const seen: string[] = []
  try {
    for await (const result of client.iterate<Record<string, Followed>>({ query })) {
      if (result.errors) throw new Error(result.errors[0]?.message)
      const [change] = Object.values(result.data ?? {})
      const status = change?.order?.status ?? change?.status ?? ''
      if (seen.at(-1) !== status) seen.push(status)
      if (until(status)) break
    }
  } finally {
    await client.dispose()
  }
  return seen
}

const TOTAL_QUERY = `query($id: ID!) {
  order(id: $id) {
    id number status
    total { amount currency }
    lines { title quantity product { sku title price { amount } available shippingEstimate(country: "US", currency: "USD") { days } } }
    payments { status captured { amount } tenders { kind status } }
    shipments { status trackingNumber tracking { status } }
    reservation { status allocations { quantity shipped } }
    customer { id name }
    timeline { type }
  }
}`

describe('an order through the web graph', () => {
  test('is followed live from checkout to completion, and one gateway query returns it whole', async () => {
    const placed = await checkout({ idempotencyKey: 'whole', sku: 'kettle', quantity: 2 })
    expect(placed).toMatchObject({ __typename: 'OrderAccepted', order: { status: 'CONFIRMED' } })
    const id = placed.order?.id ?? ''
    const seen = await follow(
      'bff-web',
      `subscription { orderChanges(id: "${id}") { order { status } } }`,
      status => status === 'COMPLETED',
    )
    expect(seen.at(-1)).toBe('COMPLETED')

    const wholeOrder = async () => {
      const { data, errors } = await platform.send<{ order: Record<string, unknown> }>(
        'gateway',
        shopper.token,
        TOTAL_QUERY,
        { id },
      )
      expect(errors).toBeUndefined()
      return data.order
    }
    const { total } = await wholeOrder()
    await expect.poll(wholeOrder).toMatchObject({
      status: 'COMPLETED',
      lines: [
        {
          quantity: 2,
          product: { sku: 'kettle', available: 48, shippingEstimate: { days: expect.any(Number) } },
        },
      ],
      payments: [
        {
          status: 'CAPTURED',
          captured: { amount: (total as { amount: string }).amount },
          tenders: [{ kind: 'CARD' }],
        },
      ],
      shipments: [{ status: 'DELIVERED', trackingNumber: expect.any(String) }],
      reservation: { status: 'SHIPPED', allocations: [{ quantity: 2, shipped: 2 }] },
      customer: { id: shopper.id },
    })
  })

  test('in two warehouses ships in two parcels and captures in two parts', async () => {
    const reply = await platform.send<CheckoutResponse>('bff-web', shopper.token, CHECKOUT, {
      input: {
        idempotencyKey: 'two',
        lines: [
          { sku: 'kettle', quantity: 1 },
          { sku: 'lamp', quantity: 1 },
        ],
        tenders: [
          { kind: 'VOUCHER', token: 'vch_2000', amount: { amount: '20.00', currency: 'USD' } },
          { kind: 'CARD', token: 'tok_approve' },
        ],
        deliveryAddress: ADDRESS,
      },
    })
    const id = reply.data.checkout.order?.id ?? ''
    await follow(
      'bff-mobile',
      `subscription { orderChanges(id: "${id}") { order { status } } }`,
      status => status === 'DELIVERED' || status === 'COMPLETED',
    )
    await follow(
      'bff-web',
      `subscription { orderChanges(id: "${id}") { order { status } } }`,
      status => status === 'COMPLETED',
    )
    const parcelsAndMoney = async () => {
      const { data } = await platform.send<{
        order: {
          shipments: unknown[]
          payments: { captured: { amount: string }; amount: { amount: string } }[]
        }
      }>(
        'gateway',
        shopper.token,
        'query($id: ID!) { order(id: $id) { shipments { id } payments { captured { amount } amount { amount } } } }',
        { id },
      )
      const [payment] = data.order.payments
      return {
        parcels: data.order.shipments.length,
        paidInFull: payment?.captured.amount === payment?.amount.amount,
      }
    }
    await expect.poll(parcelsAndMoney).toEqual({ parcels: 2, paidInFull: true })
  })

  test('repeated under its key is the same order; under the same key with another body it is a conflict', async () => {
    const first = await checkout({
      idempotencyKey: 'again',
      sku: 'kettle',
      deliveryInstructions: 'SANDBOX_HOLD',
    })
    const second = await checkout({
      idempotencyKey: 'again',
      sku: 'kettle',
      deliveryInstructions: 'SANDBOX_HOLD',
    })
    expect(second.order?.id).toBe(first.order?.id)
    const other = await platform.send('bff-web', shopper.token, CHECKOUT, {
      input: checkoutInput({ idempotencyKey: 'again', sku: 'kettle', quantity: 2 }),
    })
    expect(other.data).toMatchObject({ checkout: { __typename: 'IdempotencyConflict', code: 'CONFLICT' } })
  })

  test('is visible to a query right after the command, by its consistency token', async () => {
    const reply = await platform.send<CheckoutResponse>('bff-web', shopper.token, CHECKOUT, {
      input: checkoutInput({
        idempotencyKey: 'token',
        sku: 'kettle',
        settleWithinMs: 0,
        deliveryInstructions: 'SANDBOX_HOLD',
      }),
    })
    const consistency = reply.headers.get('waybill-consistency') ?? ''
    expect(consistency).toMatch(/orders=\d+/)
    const id = reply.data.checkout.order?.id
    const page = await platform.send<{ order: { id: string } | null }>(
      'bff-web',
      shopper.token,
      'query($id: ID!) { order(id: $id) { id } }',
      { id },
      { 'waybill-consistency': consistency },
    )
    expect(page.data.order?.id).toBe(id)
  })

  test('can be cancelled before dispatch: money and stock go back', async () => {
    const placed = await checkout({
      idempotencyKey: 'cancel-me',
      sku: 'lamp',
      quantity: 3,
      deliveryInstructions: 'SANDBOX_HOLD',
    })
    const id = placed.order?.id ?? ''
    const cancelled = await platform.send<{ cancelOrder: { order: { status: string } } }>(
      'bff-web',
      shopper.token,
      'mutation($input: CancelOrderInput!) { cancelOrder(input: $input) { ... on OrderCancelled { order { status } } ... on CannotCancel { code } } }',
      { input: { idempotencyKey: 'cancel', orderId: id, settleWithinMs: 10_000 } },
    )
    expect(cancelled.data.cancelOrder.order.status).toBe('CANCELLED')
    const givenBack = async () => {
      const { data } = await platform.send<{ order: PaidOrder }>(
        'gateway',
        shopper.token,
        'query($id: ID!) { order(id: $id) { payments { status captured { amount } refunded { amount } } reservation { status } } }',
        { id },
      )
      const { payments, reservation } = data.order
      const [payment] = payments
      return {
        isSettled: payment?.status === 'VOIDED' || payment?.status === 'REFUNDED',
        isKept: payment?.captured.amount !== payment?.refunded.amount,
        reservation,
      }
    }
    const all = { isSettled: true, isKept: false, reservation: { status: 'RELEASED' } }
    await expect.poll(givenBack).toEqual(all)
  })

  test('of somebody else looks like a missing order, to read and to watch', async () => {
    const placed = await checkout({
      idempotencyKey: 'mine',
      sku: 'kettle',
      deliveryInstructions: 'SANDBOX_HOLD',
    })
    const id = placed.order?.id ?? ''
    const theirs = await platform.send<{ order: null }>(
      'bff-web',
      stranger.token,
      'query($id: ID!) { order(id: $id) { id } }',
      { id },
    )
    expect(theirs.data.order).toBeNull()
    await expect(
      follow(
        'bff-web',
        `subscription { orderChanges(id: "${id}") { order { status } } }`,
        () => true,
        stranger.token,
      ),
    ).rejects.toThrow(/not yours/)
  })
})
