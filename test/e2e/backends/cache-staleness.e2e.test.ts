// Runs two BFF processes on one Redis under concurrent reads and writes: callers see their writes, and staleness is bounded.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type BffProcess, startBffProcess } from '#test/fixtures/bff-process.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { type RedisProcess, startRedis } from '#testbed/engines/redis.ts'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  createSender,
  type GraphqlResponse,
  registerShopper,
} from '#testbed/shop-client.ts'

/** The longest that a cached view may show the state before an event. */
const BOUND_MS = 250
const SECONDS = 5
const SKUS = ['mug', 'pot', 'tea'] as const

let platform: TestPlatform
let redis: RedisProcess
let bffs: readonly BffProcess[]

beforeAll(async () => {
  redis = await startRedis()
  platform = await startPlatform()
  const start = () => startBffProcess(platform, 'bff-web', { CACHE_URL: redis.url })
  bffs = await Promise.all([start(), start()])
  for (const sku of SKUS) await addProduct(platform, { sku, price: '1.00', stock: { 'BER-1': 100_000 } })
})
afterAll(async () => {
  await Promise.all((bffs ?? []).map(bff => bff.stop()))
  await platform?.[Symbol.asyncDispose]()
  await redis?.[Symbol.asyncDispose]()
})

function send<T>(bff: number, token: string, query: string, variables: object, consistency?: string) {
  const headers = consistency ? { 'waybill-consistency': consistency } : {}
  return createSender(() => `${bffs[bff % bffs.length]?.url}/graphql`)<T>(
    'bff-web',
    token,
    query,
    variables,
    headers,
  )
}

function tokenOf<T>(reply: GraphqlResponse<T>): string {
  if (reply.errors) throw new Error(JSON.stringify(reply.errors))
  return reply.headers.get('waybill-consistency') ?? ''
}

const PRICE = 'query ($sku: ID!) { product(sku: $sku) { price { amount } } }'
const CHANGE = 'mutation ($input: ChangePriceInput!) { changePrice(input: $input) { __typename } }'
type Priced = { readonly product: { readonly price: { readonly amount: string } } }

type Acknowledged = { readonly price: number; readonly at: number }

test('a changed price is visible to its author at once at any process, and to others within a quarter of a second', async () => {
  const acknowledged = new Map<string, Acknowledged[]>(SKUS.map(sku => [sku, [{ price: 1, at: 0 }]]))
  const end = performance.now() + SECONDS * 1000
  let reads = 0
  let longest = 0
  const tooOld: string[] = []

  async function readPrice(bff: number, token: string, sku: string, consistency?: string): Promise<number> {
    const reply = await send<Priced>(bff, token, PRICE, { sku }, consistency)
    tokenOf(reply)
    reads += 1
    return Number(reply.data.product.price.amount)
  }

  async function write(sku: (typeof SKUS)[number]): Promise<void> {
    const token = await platform.token('ops', `ops-${sku}`)
    for (let price = 2; performance.now() < end; price++) {
      const amount = `${price}.00`
      const input = { idempotencyKey: `${sku}-${price}`, sku, price: { amount, currency: 'USD' } }
      const reply = await send(price, token, CHANGE, { input })
      const consistency = tokenOf(reply)
      acknowledged.get(sku)?.push({ price, at: performance.now() })
      expect(await readPrice(price, token, sku)).toBe(price) // this process handled the command: no token is needed
      expect(await readPrice(price + 1, token, sku, consistency)).toBe(price)
    }
  }

  async function watch(index: number): Promise<void> {
    const token = await platform.token('customer', `cus_0190a5b2-0000-7000-8000-00000000000${index}`)
    for (let round = 0; performance.now() < end; round++) {
      const sku = SKUS[round % SKUS.length] ?? 'mug'
      const began = performance.now()
      const price = await readPrice(index + round, token, sku)
      const missed = acknowledged.get(sku)?.find(one => one.price > price && one.at <= began)
      if (!missed) continue
      longest = Math.max(longest, began - missed.at)
      if (began - missed.at > BOUND_MS) tooOld.push(`${sku} ${price} ${began - missed.at} ms`)
    }
  }

  await Promise.all([...SKUS.map(write), ...[0, 1, 2, 3].map(watch)])
  const writes = [...acknowledged.values()].reduce((sum, list) => sum + list.length - 1, 0)
  console.log(`${writes} changes, ${reads} reads; the past was shown for ${longest.toFixed(0)} ms at most`)
  expect(tooOld).toEqual([])
  expect(writes).toBeGreaterThan(10)
})

test('a query right after a checkout or a cancellation shows it at any process', async () => {
  const shopper = await registerShopper(platform)
  const list = 'query { orders(first: 5) { nodes { id status } } }'
  const page = 'query ($id: ID!) { order(id: $id) { status cancellationRequested } }'
  const cancel = `mutation ($input: CancelOrderInput!) {
    cancelOrder(input: $input) { ... on OrderCancelled { order { status } } ... on CannotCancel { code } }
  }`
  type List = { readonly orders: { readonly nodes: readonly { readonly id: string }[] } }
  type Page = { readonly order: { readonly status: string; readonly cancellationRequested: boolean } }
  for (let round = 0; round < 10; round++) {
    for (const bff of [0, 1]) await send(bff, shopper.token, list, {}) // what is cached now is from before
    const input = checkoutInput({
      idempotencyKey: `ryw-${round}`,
      sku: 'mug',
      deliveryInstructions: 'SANDBOX_HOLD',
    })
    const placed = await send<CheckoutResponse>(round, shopper.token, CHECKOUT, { input })
    const id = placed.data.checkout.order?.id ?? ''
    const lists = [
      await send<List>(round, shopper.token, list, {}),
      await send<List>(round + 1, shopper.token, list, {}, tokenOf(placed)),
    ]
    for (const reply of lists) expect(reply.data.orders.nodes[0]?.id).toBe(id)
    for (const bff of [0, 1]) await send(bff, shopper.token, page, { id }, tokenOf(placed))
    const cancelled = await send(round, shopper.token, cancel, {
      input: { idempotencyKey: `ryw-cancel-${round}`, orderId: id, settleWithinMs: 0 },
    })
    const pages = [
      await send<Page>(round, shopper.token, page, { id }),
      await send<Page>(round + 1, shopper.token, page, { id }, tokenOf(cancelled)),
    ]
    for (const { data } of pages)
      expect(data.order.cancellationRequested || data.order.status === 'CANCELLED').toBe(true)
  }
})
