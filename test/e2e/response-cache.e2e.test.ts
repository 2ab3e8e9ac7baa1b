// Checks the web BFF's response cache on the whole platform: who is served from it, and when entries expire.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readManifest } from '#platform/graphql/endpoint/persisted-operations.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  registerShopper,
  type Shopper,
} from '#testbed/shop-client.ts'

const MANIFEST = new URL('../../schema/persisted/bff-web.json', import.meta.url)
const CANCEL =
  'mutation($input: CancelOrderInput!) { cancelOrder(input: $input) { ... on OrderCancelled { order { status } } } }'

let platform: TestPlatform
let ann: Shopper
let bob: Shopper
let extensions: string
beforeAll(async () => {
  // Parcels stay put while this runs.
  platform = await startPlatform({ CARRIER_SANDBOX_STEP_MS: '600000' })
  await addProduct(platform, { sku: 'mug', price: '12.00', stock: { 'BER-1': 1000 } })
  ann = await registerShopper(platform)
  bob = await registerShopper(platform)
  const { operations } = await readManifest(MANIFEST)
  const sha256Hash = operations.find(({ name }) => name === 'OrderPage')?.id
  extensions = JSON.stringify({ persistedQuery: { version: 1, sha256Hash } })
})
afterAll(() => platform[Symbol.asyncDispose]())

async function place(): Promise<string> {
  const reply = await platform.send<CheckoutResponse>('bff-web', ann.token, CHECKOUT, {
    input: checkoutInput({ idempotencyKey: `order-${Math.random()}`, sku: 'mug' }),
  })
  return reply.data.checkout.order?.id ?? ''
}

type Page = { readonly data: { readonly order: { readonly status: string } | null } }

/** Requests the page as a front end does: GET with the hash. */
function getPage(id: string, token: string, headers: Record<string, string> = {}): Promise<Response> {
  const query = new URLSearchParams({ variables: JSON.stringify({ id }), extensions })
  return fetch(`${platform.urls['bff-web']}/graphql?${query}`, {
    headers: { authorization: `Bearer ${token}`, 'apollo-require-preflight': '1', ...headers },
  })
}

async function statusOf(answer: Response): Promise<string | undefined> {
  return ((await answer.json()) as Page).data.order?.status
}

async function hits(): Promise<number> {
  const text = await (await fetch(`${platform.urls['bff-web']}/metrics`)).text()
  return Number(/^waybill_answers_total\{service="bff-web",outcome="hit"\} (\d+)$/m.exec(text)?.[1] ?? 0)
}

/** Repeats the request until the cache serves it: from then on nothing more happens to the order. */
async function atRest(id: string): Promise<Response> {
  const late = AbortSignal.timeout(10_000)
  for (;;) {
    late.throwIfAborted()
    const before = await hits()
    const answer = await getPage(id, ann.token)
    if ((await hits()) > before) return answer
    await delay(20)
  }
}

test('an unchanging page is served to its customer from the cache, compressed, and as 304', async () => {
  const id = await place()
  const kept = await atRest(id)
  expect(kept.headers.get('content-encoding')).toBe('gzip')
  expect(await statusOf(kept)).toBe('CONFIRMED')
  const etag = kept.headers.get('etag') ?? ''
  const before = await hits()
  expect((await getPage(id, ann.token, { 'if-none-match': etag })).status).toBe(304)
  expect(await hits()).toBe(before + 1)
})

test('nobody else gets the cached page, and staff get their own', async () => {
  const id = await place()
  await atRest(id)
  const before = await hits()
  for (const _twice of [1, 2]) expect(await statusOf(await getPage(id, bob.token))).toBeUndefined()
  expect((await getPage(id, 'nonsense')).status).toBe(401)
  expect(await statusOf(await getPage(id, await platform.token('support')))).toBe('CONFIRMED')
  expect((await hits()) - before).toBeLessThanOrEqual(1) // a missing order may be cached too, for its caller
})

test('a change expires it at once, for its author and for anybody with its position', async () => {
  const id = await place()
  const support = await platform.token('support')
  await atRest(id)
  await getPage(id, support)
  const reply = await platform.send('bff-web', ann.token, CANCEL, {
    input: { idempotencyKey: `cancel-${id}`, orderId: id, settleWithinMs: 0 },
  })
  expect(reply.errors).toBeUndefined()
  const consistency = reply.headers.get('waybill-consistency') ?? ''
  expect(consistency).toMatch(/orders=\d+/)
  const own = ((await (await getPage(id, ann.token)).json()) as { data: { order: object } }).data.order
  expect(own).toSatisfy(showsCancellation)
  const asked = await getPage(id, support, { 'waybill-consistency': consistency })
  expect(((await asked.json()) as { data: { order: object } }).data.order).toSatisfy(showsCancellation)
})

function showsCancellation(page: { status?: string; cancellationRequested?: boolean }): boolean {
  return page.status === 'CANCELLED' || page.cancellationRequested === true
}
