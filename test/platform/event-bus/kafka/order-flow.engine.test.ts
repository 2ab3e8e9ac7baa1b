// Tests the whole platform on Kafka: an order from placement to completion, live, and through an outage of the broker.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Order } from '#schema/generated/bff-web.ts'
import { type GraphSession, openGraphSession } from '#test/fixtures/graph-session.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { type SubscriptionClient, subscribe } from '#test/fixtures/subscription-client.ts'
import {
  type Broker,
  faultsOf,
  isOurs,
  missing,
  onKafka,
  startBroker,
} from '#test/platform/event-bus/kafka/broker.ts'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  registerShopper,
  type Shopper,
} from '#testbed/shop-client.ts'

describe.skipIf(missing)(onKafka, () => {
  let broker: Broker
  let platform: TestPlatform
  let shopper: Shopper
  let customer: GraphSession
  beforeAll(async () => {
    broker = await startBroker()
    platform = await startPlatform({ EVENT_BUS_URL: broker.fresh() })
    await addProduct(platform, { sku: 'mug', price: '12.00', stock: { 'BER-1': 100 } })
    shopper = await registerShopper(platform)
    customer = openGraphSession(platform, 'bff-web', shopper.token)
  })
  afterAll(async () => {
    await platform?.[Symbol.asyncDispose]()
    await broker?.[Symbol.asyncDispose]()
  })

  async function buy(idempotencyKey: string): Promise<string> {
    const input = checkoutInput({ idempotencyKey, sku: 'mug', quantity: 2, settleWithinMs: 0 })
    const { checkout } = await customer.data<CheckoutResponse>(CHECKOUT, { input })
    return checkout.order?.id ?? ''
  }

  type Update = {
    readonly orderChanges: { readonly order: Pick<Order, 'status' | 'returns' | 'payments'> }
  }

  function follow(id: string): SubscriptionClient<Update> {
    const query =
      'subscription ($id: ID!) { orderChanges(id: $id) { order { status payments { status } returns { status } } } }'
    return subscribe<Update>({
      url: platform.urls['bff-web'],
      token: shopper.token,
      query,
      variables: { id },
    })
  }

  const isDone = ({ orderChanges: { order } }: Update) =>
    order.status === 'COMPLETED' && order.payments?.[0]?.status === 'CAPTURED'

  async function readiness(service: 'bff-web' | 'orders') {
    const answer = await fetch(`${platform.urls[service]}/health/ready`)
    const { dependencies } = (await answer.json()) as { dependencies: Record<string, { ok: boolean }> }
    return { status: answer.status, bus: dependencies['event-bus']?.ok }
  }

  test('an order completes, and its subscriber sees each step', async () => {
    const id = await buy('live')
    await using subscriber = follow(id)
    const seen = (await subscriber.until(isDone)).map(({ orderChanges }) => orderChanges.order.status)
    const ranks = ['PLACED', 'CONFIRMED', 'SHIPPED', 'DELIVERED', 'COMPLETED']
    expect(seen).toEqual(seen.toSorted((a, b) => ranks.indexOf(a) - ranks.indexOf(b)))
    const page = 'query ($id: ID!) { order(id: $id) { status } }'
    const anew = openGraphSession(platform, 'bff-web', shopper.token) // without any consistency token
    expect(await anew.data(page, { id })).toEqual({ order: { status: 'COMPLETED' } })
    expect(await readiness('bff-web')).toEqual({ status: 200, bus: true })
  })

  test.skipIf(!isOurs)(
    'while the broker is away services say so, and everything goes on by itself once it is back',
    async () => {
      const earlier = await buy('before')
      await using subscriber = follow(earlier)
      await subscriber.until(isDone)
      await faultsOf(broker).kill()
      await vi.waitFor(async () => expect(await readiness('bff-web')).toEqual({ status: 503, bus: false }), {
        timeout: 20_000,
      })
      expect(await readiness('orders')).toEqual({ status: 200, bus: false }) // its commands do not need the bus
      const later = await buy('during')
      expect(later).toMatch(/^ord_/)
      await faultsOf(broker).restart()
      await vi.waitFor(async () => expect(await readiness('bff-web')).toEqual({ status: 200, bus: true }), {
        timeout: 30_000,
        interval: 200,
      })
      const lines = [{ sku: 'mug', quantity: 1 }]
      const input = { idempotencyKey: 'return', orderId: earlier, lines, reason: 'chipped' }
      await customer.data(
        'mutation ($input: RequestReturnInput!) { requestReturn(input: $input) { __typename } }',
        {
          input,
        },
      )
      await subscriber.until(({ orderChanges }) => orderChanges.order.returns.length > 0)
      await using other = follow(later)
      await other.until(isDone)
    },
    180_000,
  )
})
