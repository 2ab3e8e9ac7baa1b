import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { queryDatabase } from '#test/fixtures/databases.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import {
  ADDRESS,
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  registerShopper,
  type Shopper,
} from '#testbed/shop-client.ts'

let platform: TestPlatform
let shopper: Shopper
beforeAll(async () => {
  platform = await startPlatform()
  await addProduct(platform, { sku: 'mug', price: '12.00', stock: { 'BER-1': 100_000 } })
  await addProduct(platform, { sku: 'gold', price: '90000.00', stock: { 'BER-1': 1_000_000 } })
  const ops = await platform.token('ops')
  await platform.send(
    'bff-web',
    ops,
    'mutation($input: AddProductInput!) { addProduct(input: $input) { __typename } }',
    {
      input: {
        idempotencyKey: 'euro',
        sku: 'euro-mug',
        title: 'Mug',
        price: { amount: '10.00', currency: 'EUR' },
        weightGrams: 100,
        dimensions: { lengthCm: 1, widthCm: 1, heightCm: 1 },
        stock: [{ warehouse: 'BER-1', quantity: 5 }],
      },
    },
  )
  shopper = await registerShopper(platform)
})
afterAll(() => platform[Symbol.asyncDispose]())

async function eventCount(): Promise<number> {
  const sql = 'SELECT count(*)::int AS count FROM event_store.events'
  return (await queryDatabase<{ count: number }>(platform.databases.orders, sql))[0]?.count ?? 0
}

const VALID = {
  idempotencyKey: 'valid',
  lines: [{ sku: 'mug', quantity: 1 }],
  tenders: [{ kind: 'CARD', token: 'tok_approve' }],
  deliveryAddress: ADDRESS,
  settleWithinMs: 0,
}
const PLACED = `mutation ($input: CheckoutInput!) {
  checkout(input: $input) { __typename ... on Refusal { code message path } }
}`
const line = (quantity: number) => ({ lines: [{ sku: 'mug', quantity }] })

/** Input that fits the types of the graph, with the place that is wrong. */
const INVALID: readonly [string, Readonly<Record<string, unknown>>, RegExp, string][] = [
  ['no lines', { lines: [] }, /lines/, 'lines'],
  ['zero units', line(0), /quantity/, 'lines.0.quantity'],
  ['negative units', line(-1), /quantity/, 'lines.0.quantity'],
  ['absurdly many units', line(1_000_000_000), /quantity/, 'lines.0.quantity'],
  ['a malformed SKU', { lines: [{ sku: '../etc/passwd', quantity: 1 }] }, /sku/i, 'lines.0.sku'],
  [
    'a card number for a token',
    { tenders: [{ kind: 'CARD', token: '4242424242424242' }] },
    /card number/i,
    'tenders.0.token',
  ],
  [
    'an address without a city',
    { deliveryAddress: { ...ADDRESS, city: ' ' } },
    /city/,
    'deliveryAddress.city',
  ],
  [
    'an address without a street',
    { deliveryAddress: { ...ADDRESS, line1: '' } },
    /line1/,
    'deliveryAddress.line1',
  ],
  [
    'an unknown country',
    { deliveryAddress: { ...ADDRESS, country: 'usa' } },
    /country/,
    'deliveryAddress.country',
  ],
  ['an empty key', { idempotencyKey: '' }, /idempotencyKey/, 'idempotencyKey'],
  ['an overlong key', { idempotencyKey: 'k'.repeat(201) }, /idempotencyKey/, 'idempotencyKey'],
  ['an overlong wait', { settleWithinMs: 60_000 }, /settleWithinMs/, 'settleWithinMs'],
  ['a total that overflows', { lines: [{ sku: 'gold', quantity: 10_000 }] }, /comes to more than/, 'lines.0'],
]

/** Input that does not fit the types of the graph, which no operation begins with. */
const UNTYPED: readonly [string, Readonly<Record<string, unknown>>, RegExp][] = [
  ['an unknown currency', { expectedTotal: { amount: '1.00', currency: 'XXX' } }, /XXX/],
  ['a malformed amount', { expectedTotal: { amount: '1,00', currency: 'USD' } }, /amount|decimal/i],
]

const REFUSALS: readonly [string, Readonly<Record<string, unknown>>, string][] = [
  ['an unknown product', { lines: [{ sku: 'no-such-thing', quantity: 1 }] }, 'UnknownProduct'],
  [
    'two currencies',
    {
      lines: [
        { sku: 'mug', quantity: 1 },
        { sku: 'euro-mug', quantity: 1 },
      ],
    },
    'MixedCurrencies',
  ],
  [
    'tenders that do not make up the total',
    { tenders: [{ kind: 'CARD', token: 'tok_approve', amount: { amount: '1.00', currency: 'USD' } }] },
    'TenderMismatch',
  ],
  ['a total that is not as expected', { expectedTotal: { amount: '1.00', currency: 'USD' } }, 'TotalChanged'],
  ['more than there is', { lines: [{ sku: 'euro-mug', quantity: 6 }] }, 'OutOfStock'],
]

describe('a checkout with', () => {
  test.each(INVALID)(
    '%s is InvalidInput that names the field, and writes nothing',
    async (_, change, text, place) => {
      const before = await eventCount()
      const reply = await platform.send('bff-web', shopper.token, PLACED, { input: { ...VALID, ...change } })
      expect(reply.errors).toBeUndefined()
      expect(reply.data).toEqual({
        checkout: {
          __typename: 'InvalidInput',
          code: 'BAD_USER_INPUT',
          message: expect.stringMatching(text),
          path: ['input', ...place.split('.')],
        },
      })
      expect(await eventCount()).toBe(before)
    },
  )

  test.each(UNTYPED)(
    '%s is an error with the code BAD_USER_INPUT, and writes nothing',
    async (_name, change, text) => {
      const before = await eventCount()
      const reply = await platform.send('bff-web', shopper.token, CHECKOUT, {
        input: { ...VALID, ...change },
      })
      expect(reply.errors?.[0]).toMatchObject({
        message: expect.stringMatching(text),
        extensions: { code: 'BAD_USER_INPUT' },
      })
      expect(await eventCount()).toBe(before)
    },
  )

  test.each(REFUSALS)('%s is a refusal, and writes nothing', async (name, change, refusal) => {
    const before = await eventCount()
    const reply = await platform.send<CheckoutResponse>('bff-web', shopper.token, CHECKOUT, {
      input: { ...VALID, idempotencyKey: name, ...change },
    })
    expect(reply.errors).toBeUndefined()
    expect(reply.data.checkout.__typename).toBe(refusal)
    expect(await eventCount()).toBe(before)
  })

  test('what only staff may set is forbidden to a customer', async () => {
    const reply = await platform.send('bff-web', shopper.token, CHECKOUT, {
      input: { ...VALID, agreedShippingFee: { amount: '0.00', currency: 'USD' } },
    })
    expect(reply.errors?.[0]?.extensions.code).toBe('FORBIDDEN')
  })
})

describe('a token that', () => {
  test.each([
    ['is missing', undefined, 'UNAUTHENTICATED'],
    ['is garbage', 'not-a-token', 'UNAUTHENTICATED'],
  ])('%s is refused everywhere', async (_name, token, code) => {
    for (const service of ['bff-web', 'gateway'] as const) {
      const reply = await platform.send(service, token, '{ orders { nodes { id } } }')
      expect(reply.errors?.[0]?.extensions.code).toBe(code)
    }
  })

  test('is not a service token cannot reserve stock, even at the subgraph itself', async () => {
    const mutation = `mutation { releaseReservation(input: { idempotencyKey: "x", orderId: "ord_01920000-0000-7000-8000-000000000001", skus: ["mug"] }) { __typename } }`
    for (const token of [shopper.token, await platform.token('ops')]) {
      const reply = await platform.send('inventory', token, mutation)
      expect(reply.errors?.[0]?.extensions.code).toBe('FORBIDDEN')
    }
    const atGateway = await platform.send('gateway', await platform.token('service'), mutation)
    expect(atGateway.errors?.[0]?.message).toMatch(/Cannot query field|Unknown/)
  })
})

describe.each(['bff-web', 'bff-mobile'] as const)('%s refuses', service => {
  const url = () => `${platform.urls[service]}/graphql`
  const json = { 'content-type': 'application/json' }
  const post = (body: unknown) => fetch(url(), { method: 'POST', headers: json, body: JSON.stringify(body) })
  const preflighted = { 'apollo-require-preflight': '1' }
  const CODE = '"code":"BAD_USER_INPUT"'
  const nested = (depth: number) => `{ me { ${'... { '.repeat(depth)} id ${'} '.repeat(depth)} } }`

  /** Each fragment spreads the next one twice. */
  const doubling = (levels: number) =>
    `${Array.from(
      { length: levels },
      (_, level) => `fragment F${level} on Query { ...F${level + 1} ...F${level + 1} }`,
    ).join(' ')} fragment F${levels} on Query { a: __typename } { ...F0 }`

  const CASES: readonly [string, () => Promise<Response>, number, string][] = [
    [
      'an unknown persisted hash',
      () => post({ extensions: { persistedQuery: { version: 1, sha256Hash: 'f'.repeat(64) } } }),
      200,
      'PERSISTED_QUERY_NOT_FOUND',
    ],
    [
      'a hash that is not the text’s',
      () => post({ query: '{ me { id } }', extensions: { persistedQuery: { version: 1, sha256Hash: '0' } } }),
      400,
      CODE,
    ],
    [
      'a text that a form of another site could post',
      () => fetch(url(), { method: 'POST', body: '{"query":"{ me { id } }"}' }),
      415,
      CODE,
    ],
    ['a GET that a page of another site could send', () => fetch(`${url()}?query={me{id}}`), 400, CODE],
    [
      'a form',
      () => fetch(url(), { method: 'POST', body: new URLSearchParams({ query: '{ me { id } }' }) }),
      415,
      CODE,
    ],
    [
      'a body that is no JSON',
      () => fetch(url(), { method: 'POST', headers: json, body: '{"query": ' }),
      400,
      CODE,
    ],
    [
      'a body that would change prototypes',
      () =>
        fetch(url(), { method: 'POST', headers: json, body: '{"__proto__": {"query": "{ me { id } }"}}' }),
      400,
      CODE,
    ],
    ['a body of more than 256 KB', () => post({ query: 'x'.repeat(300_000) }), 413, CODE],
    ['more words than it reads', () => post({ query: `{ ${'me { id } '.repeat(2000)} }` }), 400, CODE],
    [
      'aliases by the hundred',
      () =>
        post({ query: `{ ${Array.from({ length: 101 }, (_, index) => `a${index}: me { id }`).join(' ')} }` }),
      400,
      'has 101 aliases',
    ],
    ['fragments that multiply aliases', () => post({ query: doubling(7) }), 400, 'has 128 aliases'],
    [
      'fragments within themselves',
      () => post({ query: '{ ...A } fragment A on Query { ...A }' }),
      400,
      CODE,
    ],
    ['nesting without end', () => post({ query: nested(5000) }), 400, CODE],
    [
      'a mutation by GET',
      () =>
        fetch(`${url()}?query=${encodeURIComponent('mutation { __typename }')}`, { headers: preflighted }),
      405,
      CODE,
    ],
    [
      'a batch of too many',
      () => post(Array.from({ length: 51 }, () => ({ query: '{ __typename }' }))),
      400,
      CODE,
    ],
    ['an empty batch', () => post([]), 400, CODE],
  ]

  test.each(CASES)('%s, and goes on serving others', async (_name, send, status, expected) => {
    const refused = await send()
    const text = await refused.text()
    expect([refused.status, text]).toEqual([status, expect.stringContaining(expected)])
    expect(text.length).toBeLessThan(20_000)
    expect(await (await post({ query: '{ __typename }' })).json()).toEqual({ data: { __typename: 'Query' } })
  })
})
