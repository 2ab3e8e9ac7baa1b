import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RecordedBff, startRecordedBff } from '#test/bff-web/recorded-bff.ts'
import { postJson } from '#test/fixtures/http-server.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { IDS, PATHS, postForParts } from '#test/platform/graphql/incremental/served-parts.ts'
import { registerShopper, type Shopper } from '#testbed/shop-client.ts'

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
