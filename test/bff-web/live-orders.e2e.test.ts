import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Order } from '#schema/generated/bff-web.ts'
import { type GraphSession, openGraphSession } from '#test/fixtures/graph-session.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { type SubscriptionClient, subscribe } from '#test/fixtures/subscription-client.ts'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  registerShopper,
  type Shopper,
} from '#testbed/shop-client.ts'

let platform: TestPlatform
let shopper: Shopper
let customer: GraphSession
beforeAll(async () => {
  platform = await startPlatform()
  await addProduct(platform, { sku: 'mug', price: '12.00', stock: { 'BER-1': 100 } })
  shopper = await registerShopper(platform)
  customer = openGraphSession(platform, 'bff-web', shopper.token)
})
afterAll(() => platform?.[Symbol.asyncDispose]())

async function buy(idempotencyKey: string, settleWithinMs = 10_000): Promise<string> {
  const input = checkoutInput({ idempotencyKey, sku: 'mug', quantity: 20, settleWithinMs })
  const { checkout } = await customer.data<CheckoutResponse>(CHECKOUT, { input })
  return checkout.order?.id ?? ''
}

type Update = {
  readonly orderChanges: { readonly order: Pick<Order, 'status' | 'returns' | 'payments'> }
}

function follow(id: string, token = shopper.token): SubscriptionClient<Update> {
  return subscribe<Update>({
    url: platform.urls['bff-web'],
    token,
    query:
      'subscription ($id: ID!) { orderChanges(id: $id) { order { status payments { status } returns { status } } } }',
    variables: { id },
  })
}

/** How often the gateway was asked for an order's page. */
async function pageReads(): Promise<number> {
  const text = await (await fetch(`${platform.urls.gateway}/metrics`)).text()
  const line = text.split('\n').find(one => /operations_total\{.*"gateway".*"OrderPage"/.test(one))
  return Number(line?.split(' ').at(-1) ?? 0)
}

const RANKS = ['PLACED', 'CONFIRMED', 'SHIPPED', 'DELIVERED', 'COMPLETED']
const rankOf = ({ status }: Pick<Order, 'status'>) => RANKS.indexOf(status)

describe('subscribers to an order', () => {
  test('see its status move forward only, and read nothing older than what they received', async () => {
    const id = await buy('forward', 0)
    const page = 'query ($id: ID!) { order(id: $id) { status } }'
    const watch = async () => {
      await using subscriber = follow(id)
      let rank = 0
      while (rank < RANKS.length - 1) {
        const received = rankOf((await subscriber.next()).orderChanges.order)
        expect(received).toBeGreaterThanOrEqual(rank)
        rank = received
        const anew = openGraphSession(platform, 'bff-web', shopper.token) // without any consistency token
        const { order } = await anew.data<{ order: Order }>(page, { id })
        expect(rankOf(order)).toBeGreaterThanOrEqual(received)
      }
    }
    await Promise.all([watch(), watch(), watch()])
  })

  test('share one read of the gateway for each change, however many there are', async () => {
    const id = await buy('crowd')
    await using clients = new AsyncDisposableStack()
    const subscribers = Array.from({ length: 15 }, () => clients.use(follow(id)))
    const done = ({ orderChanges: { order } }: Update) =>
      order.status === 'COMPLETED' && order.payments?.[0]?.status === 'CAPTURED'
    await Promise.all(subscribers.map(subscriber => subscriber.until(done)))

    const before = await pageReads()
    const input = {
      idempotencyKey: 'return',
      orderId: id,
      lines: [{ sku: 'mug', quantity: 1 }],
      reason: 'chipped',
    }
    await customer.data(
      'mutation ($input: RequestReturnInput!) { requestReturn(input: $input) { __typename } }',
      { input },
    )
    const seen = await Promise.all(
      subscribers.map(subscriber =>
        subscriber.until(({ orderChanges }) => orderChanges.order.returns.length > 0),
      ),
    )
    for (const updates of seen)
      expect(updates.at(-1)?.orderChanges.order.returns).toEqual([{ status: 'REQUESTED' }])
    const reads = (await pageReads()) - before
    expect(reads).toBeGreaterThanOrEqual(1)
    expect(reads).toBeLessThanOrEqual(3) // a last event of the delivery may still be among them
  })

  test('may be staff, and are refused without a token', async () => {
    const id = await buy('staff')
    await using support = follow(id, await platform.token('support'))
    expect((await support.next()).orderChanges.order.status).toMatch(/^[A-Z]+$/)
    await using stranger = follow(id, (await registerShopper(platform)).token)
    await expect(stranger.next()).rejects.toThrow(/not yours/)
    await using nobody = follow(id, 'nonsense')
    await expect(nobody.next()).rejects.toMatchObject({ code: 4401 })
  })
})
