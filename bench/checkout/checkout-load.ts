// Prepares products and customers for checkout benchmarks, and sends one checkout after another.
import type { Pool } from 'undici'
import { newId } from '#platform/domain/ids.ts'
import type { TokenSigner } from '#start/seed.ts'

const PRODUCTS = 100
const SHOPPERS = 50
const UNITS = 1_000_000

const ADD_PRODUCT = 'mutation($input: AddProductInput!) { addProduct(input: $input) { __typename } }'
const REGISTER = 'mutation($input: RegisterCustomerInput!) { registerCustomer(input: $input) { id } }'
const CHECKOUT = `mutation BenchCheckout($input: CheckoutInput!) {
  checkout(input: $input) { __typename ... on OrderAccepted { order { id status } } ... on Refusal { code message } }
}`

type Reply = {
  readonly data?: {
    readonly checkout?: {
      readonly __typename: string
      readonly order?: { readonly status: string }
      readonly message?: string
    }
  }
  readonly errors?: readonly { readonly message: string }[]
}

type CheckoutLoad = { readonly checkout: () => Promise<void> }

/** Adds the products and customers. `checkout` throws when an order is not confirmed within its wait. */
export async function openCheckoutLoad(pool: Pool, issuer: TokenSigner): Promise<CheckoutLoad> {
  const ops = await issuer.sign({ role: 'ops', subject: 'bench' })
  await Promise.all(
    Array.from({ length: PRODUCTS }, (_, index) => send({ pool, token: ops }, ADD_PRODUCT, product(index))),
  )
  const tokens = await Promise.all(
    Array.from({ length: SHOPPERS }, async () => {
      const id = newId('customer')
      const token = await issuer.sign({ role: 'customer', subject: id })
      await send({ pool, token }, REGISTER, {
        idempotencyKey: id,
        name: 'Bench Shopper',
        email: `${id}@bench.example`,
      })
      return token
    }),
  )
  let count = 0
  return {
    async checkout() {
      count += 1
      const { data, errors } = await send(
        { pool, token: tokens[count % SHOPPERS] ?? '' },
        CHECKOUT,
        order(count),
      )
      const answer = data?.checkout
      if (errors || answer?.order?.status === undefined || answer.order.status === 'PLACED')
        throw new Error(`a checkout was not confirmed: ${JSON.stringify(errors ?? answer)}`)
    },
  }
}

function product(index: number): object {
  return {
    idempotencyKey: `bench-${index}`,
    sku: `bench-${index}`,
    title: `Bench product ${index}`,
    category: 'bench',
    price: { amount: '19.99', currency: 'USD' },
    weightGrams: 400,
    dimensions: { lengthCm: 10, widthCm: 10, heightCm: 10 },
    stock: [{ warehouse: 'BER-1', quantity: UNITS }],
  }
}

function order(count: number): object {
  return {
    idempotencyKey: `bench-order-${count}`,
    lines: [
      { sku: `bench-${count % PRODUCTS}`, quantity: 1 },
      { sku: `bench-${(count * 7 + 1) % PRODUCTS}`, quantity: 2 },
    ].filter((line, index, lines) => index === 0 || line.sku !== lines[0]?.sku),
    tenders: [{ kind: 'CARD', token: 'tok_approve' }],
    deliveryAddress: {
      name: 'Bench Shopper',
      line1: '1 Test Street',
      city: 'New York',
      postalCode: '10001',
      country: 'US',
    },
    settleWithinMs: 10_000,
  }
}

type Session = { readonly pool: Pool; readonly token: string }

async function send({ pool, token }: Session, query: string, input: object): Promise<Reply> {
  const response = await pool.request({
    path: '/graphql',
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables: { input } }),
  })
  return (await response.body.json()) as Reply
}
