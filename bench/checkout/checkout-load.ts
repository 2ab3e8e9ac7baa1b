// Prepares products and customers for checkout benchmarks, and sends one checkout after another.
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

type CheckoutLoad = { readonly checkout: () => Promise<void> }

/**
 * Adds the products and customers. `checkout` sends over `pool`, at less cost than `platform`, and throws when an order is
 * not confirmed within its wait.
 */
export async function openCheckoutLoad(pool: Pool, platform: PlatformClient): Promise<CheckoutLoad> {
  const skus = Array.from({ length: PRODUCTS }, (_, index) => `bench-${index}`)
  await Promise.all(skus.map(sku => addProduct(platform, { sku, price: '19.99', stock: STOCK })))
  const shoppers = await Promise.all(Array.from({ length: SHOPPERS }, () => registerShopper(platform)))
  let count = 0
  return {
    async checkout() {
      count += 1
      const { data, errors } = await send(pool, shoppers[count % SHOPPERS]?.token ?? '', order(count))
      const status = data?.checkout.order?.status
      if (errors || status === undefined || status === 'PLACED')
        throw new Error(`a checkout was not confirmed: ${JSON.stringify(errors ?? data)}`)
    },
  }
}

function order(count: number): object {
  const [sku, other] = [`bench-${count % PRODUCTS}`, `bench-${(count * 7 + 1) % PRODUCTS}`]
  const lines = [{ sku, quantity: 1 }, ...(other === sku ? [] : [{ sku: other, quantity: 2 }])]
  return checkoutInput({ idempotencyKey: `bench-order-${count}`, sku, lines })
}

async function send(
  pool: Pool,
  token: string,
  input: object,
): Promise<Partial<GraphqlResponse<CheckoutResponse>>> {
  const response = await pool.request({
    path: '/graphql',
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: CHECKOUT, variables: { input } }),
  })
  return (await response.body.json()) as Partial<GraphqlResponse<CheckoutResponse>>
}
