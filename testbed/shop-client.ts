// Drives a running Waybill as its front ends do: sends operations, registers customers, adds products, checks out.
import { setTimeout as delay } from 'node:timers/promises'
import type { Role } from '#platform/auth/viewer.ts'
import { newId } from '#platform/domain/ids.ts'
import type { ServiceName } from '#start/topology.ts'

export type GraphqlResponse<T> = {
  readonly status: number
  readonly headers: Headers
  readonly data: T
  readonly errors?: readonly {
    readonly message: string
    readonly path?: readonly (string | number)[]
    readonly extensions: { readonly code: string; readonly retryAfterSeconds?: number }
  }[]
}

/** Clients of the platform's graphs, wherever it runs. */
export type PlatformClient = {
  token(role: Role, subject?: string): Promise<string>
  /** Sends one operation to a service's `/graphql`. `T` is the trusted shape of the data. */
  send<T>(
    service: ServiceName,
    token: string | undefined,
    query: string,
    variables?: object,
    headers?: Readonly<Record<string, string>>,
  ): Promise<GraphqlResponse<T>>
}

/** A refusal with Retry-After is heeded, as front ends do. */
export function createSender(urlOf: (service: ServiceName) => string): PlatformClient['send'] {
  return async function send<T>(
    service: ServiceName,
    token: string | undefined,
    query: string,
    variables: object = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    const post = () =>
      fetch(urlOf(service), {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(token && { authorization: `Bearer ${token}` }),
          ...headers,
        },
        body: JSON.stringify({ query, variables }),
      })
    let response = await post()
    while (response.status === 503 && response.headers.has('retry-after')) {
      await response.body?.cancel()
      await delay(Number(response.headers.get('retry-after')) * 1000)
      response = await post()
    }
    const body = (await response.json()) as Pick<GraphqlResponse<T>, 'data' | 'errors'>
    return { status: response.status, headers: response.headers, ...body }
  }
}

export type Shopper = { readonly id: string; readonly token: string }

/** Registers a new customer and returns it with a token. */
export async function registerShopper(platform: PlatformClient, name = 'Test Shopper'): Promise<Shopper> {
  const id = newId('customer')
  const token = await platform.token('customer', id)
  const reply = await platform.send<{ registerCustomer: { __typename: string } }>(
    'bff-web',
    token,
    'mutation($input: RegisterCustomerInput!) { registerCustomer(input: $input) { __typename } }',
    {
      input: { idempotencyKey: `register-${id}`, name, email: `${id}@shop.example` },
    },
  )
  if (reply.errors || reply.data.registerCustomer.__typename !== 'CustomerRegistered')
    throw new Error(reply.errors?.[0]?.message ?? JSON.stringify(reply.data))
  return { id, token }
}

/**
 * Adds a product with stock, priced in USD unless `currency` says otherwise, of 500 g and 10 cm each way without
 * `dimensions`.
 */
export async function addProduct(
  platform: PlatformClient,
  product: {
    readonly sku: string
    readonly price: string
    readonly currency?: string
    readonly stock: Readonly<Record<string, number>>
    readonly dimensions?: { readonly lengthCm: number; readonly widthCm: number; readonly heightCm: number }
  },
): Promise<void> {
  const token = await platform.token('ops')
  const reply = await platform.send<{ addProduct: { __typename: string } }>(
    'bff-web',
    token,
    'mutation($input: AddProductInput!) { addProduct(input: $input) { __typename } }',
    {
      input: {
        idempotencyKey: `add-${product.sku}`,
        sku: product.sku,
        title: `Product ${product.sku}`,
        category: 'test',
        price: { amount: product.price, currency: product.currency ?? 'USD' },
        weightGrams: 500,
        dimensions: product.dimensions ?? { lengthCm: 10, widthCm: 10, heightCm: 10 },
        stock: Object.entries(product.stock).map(([warehouse, quantity]) => ({ warehouse, quantity })),
      },
    },
  )
  if (reply.errors || reply.data.addProduct.__typename !== 'ProductChanged')
    throw new Error(JSON.stringify(reply))
}

export const ADDRESS = {
  name: 'Test Shopper',
  line1: '1 Test Street',
  city: 'New York',
  region: 'NY',
  postalCode: '10001',
  country: 'US',
} as const

/** The data of a checkout without errors; with one `checkout` is null. */
export type CheckoutResponse = {
  readonly checkout: {
    readonly __typename: string
    readonly order?: { readonly id: string; readonly status: string }
    readonly cancelledOrder?: { readonly id: string; readonly status: string } | null
    readonly code?: string
    readonly shortages?: readonly {
      readonly sku: string
      readonly requested: number
      readonly available: number
    }[]
  }
}

export const CHECKOUT = `mutation($input: CheckoutInput!) {
  checkout(input: $input) {
    __typename
    ... on OrderAccepted { order { id status } }
    ... on OrderPending { order { id status } }
    ... on OrderNotFulfilled { order { id status } }
    ... on OutOfStock { cancelledOrder { id status } shortages { sku requested available } }
    ... on PaymentDeclined { cancelledOrder { id status } }
    ... on Refusal { code message }
  }
}`

/** Repeats the checkout until the order is decided, since a busy machine takes longer than one request waits. */
export async function untilDecided(ask: () => Promise<CheckoutResponse>): Promise<CheckoutResponse> {
  let reply = await ask()
  while (reply.checkout.__typename === 'OrderPending') reply = await ask()
  return reply
}

/** Returns a checkout's input: one line paid by card, unless `input` says otherwise. */
export function checkoutInput(
  input: { readonly idempotencyKey: string; readonly sku: string; readonly quantity?: number } & Readonly<
    Record<string, unknown>
  >,
): object {
  const { sku, quantity = 1, ...rest } = input
  return {
    lines: [{ sku, quantity }],
    tenders: [{ kind: 'CARD', token: 'tok_approve' }],
    deliveryAddress: ADDRESS,
    settleWithinMs: 10_000,
    ...rest,
  }
}
