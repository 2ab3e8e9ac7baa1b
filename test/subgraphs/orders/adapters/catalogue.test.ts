// Tests how orders loads products and quotes from other services: batched, current, and cached only where that is allowed.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createGraphqlClient, type GraphqlClient } from '#platform/graphql/client/client.ts'
import { createPolicy } from '#platform/resilience/policy.ts'
import { createCatalogue } from '#subgraphs/orders/adapters/catalogue.ts'
import { createShippingQuotes } from '#subgraphs/orders/adapters/shipping-quotes.ts'
import { type StandIn, standIn } from '#test/subgraphs/orders/adapters/graphql-stub.ts'
import { usd } from '#test/subgraphs/orders/domain/order-fixture.ts'

const DIMENSIONS = { lengthCm: 1, widthCm: 2, heightCm: 3 }

let open: AsyncDisposableStack
beforeEach(() => {
  open = new AsyncDisposableStack()
})
afterEach(() => open.disposeAsync())

async function serving(
  answer: (variables: Readonly<Record<string, unknown>>) => object,
): Promise<{ service: StandIn; client: GraphqlClient }> {
  const service = open.use(await standIn(answer))
  const policy = createPolicy({ name: 'test', timeoutMs: 2000, retries: 0, concurrency: 8, queue: 100 })
  const client = createGraphqlClient({ url: service.url, policy, token: async () => 'service-token' })
  open.use(client)
  return { service, client }
}

describe('products', () => {
  let price = '1.00'
  const products = ({ skus }: Readonly<Record<string, unknown>>) => ({
    products: (skus as string[]).map(sku =>
      sku === 'NONE'
        ? null
        : {
            ...{ sku, title: sku, weightGrams: 5, dimensions: DIMENSIONS, available: 7 },
            price: { amount: price, currency: 'USD' },
          },
    ),
  })

  test('concurrent placements share one query, which names each SKU once and carries the service token', async () => {
    const { service, client } = await serving(products)
    const catalogue = createCatalogue(client)
    const found = await Promise.all([
      catalogue.load(['A', 'B', 'A']),
      catalogue.load(['B', 'C']),
      catalogue.load(['NONE']),
    ])
    expect(found.map(one => [...one.keys()])).toEqual([['A', 'B'], ['B', 'C'], []])
    expect(found[0]?.get('A')).toEqual({
      sku: 'A',
      title: 'A',
      weightGrams: 5,
      dimensions: DIMENSIONS,
      available: 7,
      price: usd(100),
    })
    expect(service.sent.map(({ variables }) => variables)).toEqual([{ skus: ['A', 'B', 'C', 'NONE'] }])
    expect(service.sent[0]?.headers.authorization).toBe('Bearer service-token')
  })

  test('a price is never older than the placement', async () => {
    const { client } = await serving(products)
    const catalogue = createCatalogue(client)
    await catalogue.load(['A'])
    price = '2.00'
    expect((await catalogue.load(['A'])).get('A')?.price).toEqual(usd(200))
  })

  test('a request for a position of inventory does not delay requests without one', async () => {
    const { service, client } = await serving(products)
    const catalogue = createCatalogue(client)
    await Promise.all([catalogue.load(['A']), catalogue.load(['A'], 12)])
    const asked = service.sent.map(({ headers }) => headers['waybill-consistency'])
    expect(asked.toSorted()).toEqual(['inventory=12', undefined])
  })

  test('SKUs beyond inventory’s limit are loaded in several queries', async () => {
    const { service, client } = await serving(products)
    const skus = Array.from({ length: 501 }, (_, index) => `S${index}`)
    expect((await createCatalogue(client).load(skus)).size).toBe(501)
    expect(service.sent).toHaveLength(2)
  })
})

describe('quotes', () => {
  const goods = { quantity: 1, weightGrams: 5, dimensions: DIMENSIONS }
  const request = {
    country: 'DE',
    postalCode: '1',
    goods: [goods],
    option: 'STANDARD',
    currency: 'USD',
  } as const
  const quote = (validUntil: string) => ({
    quoteShipping: { __typename: 'ShippingQuote', validUntil, fee: { amount: '4.90', currency: 'USD' } },
  })

  test('are requested once while they are valid, and again afterwards', async () => {
    let now = new Date('2026-01-01T00:00:00Z')
    const { service, client } = await serving(() => quote('2026-01-01T01:00:00Z'))
    const quotes = createShippingQuotes(client, () => now)
    expect(await Promise.all([quotes.fee(request), quotes.fee({ ...request })])).toEqual([usd(490), usd(490)])
    expect(service.sent).toHaveLength(1)
    now = new Date('2026-01-01T01:00:00Z')
    await Promise.all([quotes.fee(request), quotes.fee(request)])
    expect(service.sent).toHaveLength(2)
  })

  test('are cached separately for every difference in the request', async () => {
    const { service, client } = await serving(() => quote('2030-01-01T00:00:00Z'))
    const quotes = createShippingQuotes(client, () => new Date())
    const others = [
      { country: 'FR' },
      { postalCode: '2' },
      { goods: [{ ...goods, weightGrams: 6 }] },
      { goods: [{ ...goods, quantity: 2 }] },
      { goods: [{ ...goods, dimensions: { ...DIMENSIONS, widthCm: 9 } }] },
      { goods: [goods, goods] },
      { option: 'EXPRESS' as const },
    ]
    for (const other of [{}, ...others, { currency: 'EUR' }]) await quotes.fee({ ...request, ...other })
    expect(service.sent).toHaveLength(9)
  })

  test('are requested again after a failure', async () => {
    let isDown = true
    const { client } = await serving(() => {
      if (isDown) throw new Error('down')
      return quote('2030-01-01T00:00:00Z')
    })
    const quotes = createShippingQuotes(client, () => new Date())
    await expect(quotes.fee(request)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    isDown = false
    expect(await quotes.fee(request)).toEqual(usd(490))
  })

  test('are BAD_USER_INPUT for a country that the carrier does not serve', async () => {
    const { client } = await serving(() => ({
      quoteShipping: { __typename: 'NotShippable', code: 'COUNTRY_NOT_SERVED', message: 'Not there.' },
    }))
    await expect(createShippingQuotes(client, () => new Date()).fee(request)).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      message: 'deliveryAddress: Not there.',
    })
  })

  test('are BAD_USER_INPUT on the lines when the goods are too heavy', async () => {
    const { client } = await serving(() => ({
      quoteShipping: { __typename: 'NotShippable', code: 'TOO_HEAVY', message: 'Too much.' },
    }))
    await expect(createShippingQuotes(client, () => new Date()).fee(request)).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      message: 'lines: Too much.',
    })
  })
})
