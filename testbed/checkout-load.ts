// Prepares products and customers for checkouts under load, and sends one checkout after another.
import { setTimeout as delay } from 'node:timers/promises'
import type { Pool } from 'undici'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  type GraphqlResponse,
  type PlatformClient,
  registerShopper,
} from '#testbed/shop-client.ts'

export const PRODUCTS = 100
const SHOPPERS = 50
const STOCK = { 'BER-1': 1_000_000 }

/** Sends the next checkout. `order` is left out when it was not accepted, and not every order is confirmed within its wait. */
export type Checkout = () => Promise<{ readonly order?: string; readonly confirmed: boolean }>

export type CheckoutLoad = {
  readonly checkout: Checkout
  /** Sends the next checkout too, and resolves with whether its order was confirmed within its wait. */
  readonly confirm: () => Promise<boolean>
  /** Counts answers: a checkout that is refused, as a busy instance does, comes again later and is counted once more. */
  readonly outcomes: Record<'confirmed' | 'unconfirmed' | 'refused' | 'failed', number> & {
    lastFailure?: string
  }
}

/**
 * Adds the products and customers. `checkout` sends over `pool`, at less cost than `platform`, and when it is refused waits
 * as long as it is told to.
 */
export async function openCheckoutLoad(pool: Pool, platform: PlatformClient): Promise<CheckoutLoad> {
  const skus = Array.from({ length: PRODUCTS }, (_, index) => `bench-${index}`)
  await Promise.all(skus.map(sku => addProduct(platform, { sku, price: '19.99', stock: STOCK })))
  const shoppers = await Promise.all(Array.from({ length: SHOPPERS }, () => registerShopper(platform)))
  const outcomes: CheckoutLoad['outcomes'] = { confirmed: 0, unconfirmed: 0, refused: 0, failed: 0 }
  let count = 0
  const checkout: Checkout = async () => {
    count += 1
    const reply = await send({ pool, outcomes }, shoppers[count % SHOPPERS]?.token ?? '', order(count))
    const found = reply.data?.checkout?.order
    const retryAfter = reply.errors?.[0]?.extensions.retryAfterSeconds
    if (retryAfter !== undefined) {
      outcomes.refused += 1
      await delay(retryAfter * 1000)
      return { confirmed: false }
    }
    if (found === undefined) {
      outcomes.failed += 1
      outcomes.lastFailure = JSON.stringify(reply.errors ?? reply.data)
      return { confirmed: false }
    }
    const confirmed = found.status !== 'PLACED'
    outcomes[confirmed ? 'confirmed' : 'unconfirmed'] += 1
    return { order: found.id, confirmed }
  }
  return { outcomes, checkout, confirm: async () => (await checkout()).confirmed }
}

function order(count: number): object {
  const [sku, other] = [`bench-${count % PRODUCTS}`, `bench-${(count * 7 + 1) % PRODUCTS}`]
  const lines = [{ sku, quantity: 1 }, ...(other === sku ? [] : [{ sku: other, quantity: 2 }])]
  return checkoutInput({ idempotencyKey: `bench-order-${count}`, sku, lines })
}

/** Heeds Retry-After, as front ends do: callers that came again at once would be another load. */
async function send(
  load: { readonly pool: Pool; readonly outcomes: CheckoutLoad['outcomes'] },
  token: string,
  input: object,
): Promise<Partial<GraphqlResponse<CheckoutResponse>>> {
  const { pool, outcomes } = load
  const response = await pool.request({
    path: '/graphql',
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: CHECKOUT, variables: { input } }),
  })
  const retryAfter = response.statusCode === 503 ? response.headers['retry-after'] : undefined
  if (retryAfter === undefined)
    return (await response.body.json()) as Partial<GraphqlResponse<CheckoutResponse>>
  outcomes.refused += 1
  await response.body.dump()
  await delay(Number(retryAfter) * 1000)
  return send(load, token, input)
}
