import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectionLoss } from '#platform/resilience/outage.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  type GraphqlResponse,
  registerShopper,
} from '#testbed/shop-client.ts'

const CHECKOUTS = 1000
const UNITS = 100
/** Few run at once, and the others come again when Retry-After says so: on a busy machine all of them take minutes. */
const LIMIT_MS = 400_000

let platform: TestPlatform
beforeAll(async () => {
  platform = await startPlatform()
})
afterAll(() => platform[Symbol.asyncDispose]())

type Reply = GraphqlResponse<CheckoutResponse>

/** Repeats a request under the same key when it is not decided or its answer is lost, as front ends do. */
async function checkOut(token: string | undefined, idempotencyKey: string): Promise<Reply> {
  const input = checkoutInput({ idempotencyKey, sku: 'flash', deliveryInstructions: 'SANDBOX_HOLD' })
  for (;;) {
    const reply = await platform
      .send<CheckoutResponse>('bff-web', token, CHECKOUT, { input })
      .catch(error => {
        if (connectionLoss(error instanceof Error ? error.cause : error) === undefined) throw error
      })
    if (reply && isDecided(reply)) return reply
  }
}

/** A busy service may not respond in time, and an order may still be pending when its answer is due. */
function isDecided({ data, errors }: Reply): boolean {
  if (errors) return errors[0]?.extensions.code !== 'UNAVAILABLE'
  return data.checkout.__typename !== 'OrderPending'
}

test(
  '1,000 concurrent checkouts for 100 units confirm exactly 100 and refuse 900 with OutOfStock',
  async () => {
    await addProduct(platform, { sku: 'flash', price: '10.00', stock: { 'BER-1': 60, 'NYC-1': 40 } })
    const shoppers = await Promise.all(Array.from({ length: 20 }, () => registerShopper(platform)))
    const replies = await Promise.all(
      Array.from({ length: CHECKOUTS }, (_, index) =>
        checkOut(shoppers[index % shoppers.length]?.token, `flash-${index}`),
      ),
    )
    const outcomes = Object.groupBy(replies, reply =>
      reply.errors ? `error ${reply.errors[0]?.message}` : reply.data.checkout.__typename,
    )
    const counts = Object.fromEntries(Object.entries(outcomes).map(([name, group]) => [name, group?.length]))
    expect(counts).toEqual({ OrderAccepted: UNITS, OutOfStock: CHECKOUTS - UNITS })
    const statuses = new Set(outcomes.OrderAccepted?.map(reply => reply.data.checkout.order?.status))
    expect(statuses).toEqual(new Set(['CONFIRMED']))

    const ops = await platform.token('ops')
    const { data } = await platform.send<{
      product: { available: number; stock: { onHand: number; reserved: number }[] }
    }>(
      'inventory',
      await platform.token('service'),
      '{ product(sku: "flash") { available stock { onHand reserved } } }',
    )
    expect(data.product.available).toBe(0)
    expect(data.product.stock.map(stock => stock.reserved).reduce((a, b) => a + b)).toBe(UNITS)
    const heldUnits = async () => {
      const { data: totals } = await platform.send<{ inventoryTotals: { held: number } }>(
        'gateway',
        ops,
        '{ inventoryTotals { held } }',
      )
      return totals.inventoryTotals.held
    }
    await expect.poll(heldUnits).toBe(UNITS)
  },
  LIMIT_MS,
)
