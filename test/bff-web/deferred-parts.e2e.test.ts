import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RecordedBff, startRecordedBff } from '#test/bff-web/recorded-bff.ts'
import { openGraphSession, placeOrder } from '#test/fixtures/graph-session.ts'
import { postJson } from '#test/fixtures/http-server.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { IDS, PATHS, postForParts } from '#test/platform/graphql/incremental/served-parts.ts'
import { addProduct, registerShopper, type Shopper } from '#testbed/shop-client.ts'

let platform: TestPlatform
let edge: RecordedBff
let shopper: Shopper

beforeAll(async () => {
  platform = await startPlatform()
  edge = await startRecordedBff(platform)
  shopper = await registerShopper(platform, 'Ada')
})
afterAll(async () => {
  await edge?.[Symbol.asyncDispose]()
  await platform?.[Symbol.asyncDispose]()
})

const QUERY = `query Start { me { id } ... @defer(label: "orders") { orders(first: 5) { nodes { id } } } }`
const post = (body: unknown, headers: Record<string, string>) =>
  postForParts(`${edge.url}/graphql`, body, { authorization: `Bearer ${shopper.token}`, ...headers })

test('a deferred list is a part of its own, in the form that the client accepts', async () => {
  const orders = { orders: { nodes: [] } }
  const newer = await post({ query: QUERY }, { accept: IDS })
  expect(newer.parts).toEqual([
    { data: { me: { id: shopper.id } }, pending: [{ id: '0', path: [], label: 'orders' }], hasNext: true },
    { incremental: [{ id: '0', data: orders }], completed: [{ id: '0' }], hasNext: false },
  ])
  const older = await post({ query: QUERY }, { accept: PATHS })
  expect(older.parts).toEqual([
    { data: { me: { id: shopper.id } }, hasNext: true },
    { incremental: [{ data: orders, path: [], label: 'orders' }], hasNext: false },
  ])
})

test('the response cache has neither parts for a client without, nor a single result for one that accepts them', async () => {
  const url = `${edge.url}/graphql`
  const body = { query: QUERY.replace('Start', 'Twice') }
  const headers = { authorization: `Bearer ${shopper.token}` }
  for (const _time of [1, 2]) {
    const { parts } = await post(body, { accept: IDS })
    expect(parts).toHaveLength(2)
    const whole = await postJson(url, body, headers)
    expect(await whole.json()).toEqual({ data: { me: { id: shopper.id }, orders: { nodes: [] } } })
  }
})

test('an operation that is named by its hash has parts, too', async () => {
  const sha256Hash = createHash('sha256').update(QUERY).digest('hex')
  const extensions = { persistedQuery: { version: 1, sha256Hash } }
  await post({ query: QUERY, extensions }, {})
  const { parts } = await post({ extensions }, {})
  expect(parts).toHaveLength(2)
})

test('a deferred count and deferred facets of a list are in their part', async () => {
  await addProduct(platform, { sku: 'deferred-mug', price: '9.00', stock: { 'BER-1': 3 } })
  const query = `query Counts { products(filter: { text: "deferred-mug" }) { nodes { sku }
    ... @defer { totalCount facets { availability { availability count } } } } }`
  const { parts } = await post({ query }, { accept: IDS })
  expect(parts).toEqual([
    {
      data: { products: { nodes: [{ sku: 'deferred-mug' }] } },
      pending: [{ id: '0', path: ['products'] }],
      hasNext: true,
    },
    {
      incremental: [
        {
          id: '0',
          data: {
            totalCount: 1,
            facets: { availability: expect.arrayContaining([{ availability: 'IN_STOCK', count: 1 }]) },
          },
        },
      ],
      completed: [{ id: '0' }],
      hasNext: false,
    },
  ])
})

test('a deferred section of an order is asked for after the first part, in one request', async () => {
  await addProduct(platform, { sku: 'deferred-lamp', price: '19.00', stock: { 'BER-1': 3 } })
  const customer = openGraphSession(platform, 'bff-web', shopper.token)
  const id = await placeOrder(customer, { idempotencyKey: 'deferred-section', sku: 'deferred-lamp' })
  const query = `query Sections($id: ID!) { order(id: $id) { id ... @defer(label: "rest") { payments { id } shipments { id } notices { section } } } }`
  const { result, requests } = await edge.during(() => post({ query, variables: { id } }, { accept: IDS }))
  expect(result.parts).toEqual([
    {
      data: { order: { id } },
      pending: [{ id: '0', path: ['order'], label: 'rest' }],
      hasNext: true,
    },
    {
      incremental: [
        {
          id: '0',
          data: { payments: [{ id: expect.any(String) }], shipments: expect.any(Array), notices: [] },
        },
      ],
      completed: [{ id: '0' }],
      hasNext: false,
    },
  ])
  const read = requests.map(operations => operations.map(({ variables }) => variables))
  expect(read).toEqual([
    [expect.objectContaining({ payments: false, shipments: false })],
    [expect.objectContaining({ payments: true }), expect.objectContaining({ shipments: true })],
  ])
})
