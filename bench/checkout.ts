// Checkouts through the web BFF of a copy started as a user starts it: to Confirmed, with latency, rate and projection lag.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Pool } from 'undici'
import { atLeast, atMost, type Bench, type Load, load } from '#bench/harness.ts'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { newId } from '#platform/domain/ids.ts'
import { SUBGRAPHS } from '#start/layout.ts'
import { type Copy, freePortBase, startCopy } from '#test/copy.ts'

const PRODUCTS = 100
const SHOPPERS = 50
const UNITS = 1_000_000
const LATENCY_CALLERS = 10
const RATE_CALLERS = 48
const LAG_METRIC = 'waybill_projection_lag_seconds'

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

export const bench: Bench = async ({ quick }) => {
  await using open = new AsyncDisposableStack()
  const dataDir = await mkdtemp(path.join(tmpdir(), 'waybill-bench-'))
  await chmod(dataDir, 0o755) // PostgreSQL's own account must be able to pass through
  open.defer(() => rm(dataDir, { recursive: true, force: true }))
  const copy = open.use(await startCopy({ dataDir, portBase: await freePortBase() }))
  const pool = new Pool(copy.url('bff-web'), { connections: RATE_CALLERS * 2 })
  open.defer(() => pool.close())
  const shop = await openShop(pool, dataDir)

  await load(RATE_CALLERS, quick ? 3000 : 10_000, shop.checkout) // warm-up: compiled code, cached plans
  const latency = await load(LATENCY_CALLERS, quick ? 5000 : 15_000, shop.checkout)
  const before = await lagBuckets(copy)
  const rate = await load(RATE_CALLERS, quick ? 10_000 : 60_000, shop.checkout)
  const lag = lagQuantiles(before, await lagBuckets(copy))
  print(latency, rate, lag)
  return {
    versions: {},
    figures: {
      latency: { callers: LATENCY_CALLERS, ...latency },
      rate: { callers: RATE_CALLERS, ...rate },
      projectionLagMs: lag,
    },
    goals: [
      atMost(`place-to-confirmed p50 at ${LATENCY_CALLERS} callers`, latency.p50, 'ms', 150),
      atLeast('checkouts to Confirmed, sustained', rate.perSecond, 'per second', 200),
      atMost('projection lag p99', lag.p99, 'ms', 100),
    ],
  }
}

type Shop = { readonly checkout: () => Promise<void> }

/** Products with stock, customers with tokens. A checkout that is not confirmed within its wait fails the benchmark. */
async function openShop(pool: Pool, dataDir: string): Promise<Shop> {
  const issuer = await openEmbeddedIssuer(path.join(dataDir, 'auth'))
  const ops = await issuer.sign({ role: 'ops', subject: 'bench' })
  await Promise.all(
    Array.from({ length: PRODUCTS }, (_, index) => send(pool, ops, ADD_PRODUCT, product(index))),
  )
  const tokens = await Promise.all(
    Array.from({ length: SHOPPERS }, async () => {
      const id = newId('customer')
      const token = await issuer.sign({ role: 'customer', subject: id })
      await send(pool, token, REGISTER, {
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
      const { data, errors } = await send(pool, tokens[count % SHOPPERS] ?? '', CHECKOUT, order(count))
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

async function send(pool: Pool, token: string, query: string, input: object): Promise<Reply> {
  const response = await pool.request({
    path: '/graphql',
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables: { input } }),
  })
  return (await response.body.json()) as Reply
}

type Buckets = ReadonlyMap<number, number>

/** The projection-lag histogram over all subgraphs: cumulative count by upper bound in seconds. */
async function lagBuckets(copy: Copy): Promise<Buckets> {
  const sums = new Map<number, number>()
  const seen = new Set<string>()
  for (const name of SUBGRAPHS) {
    const text = await fetch(`${copy.url(name)}/metrics`).then(response => response.text())
    for (const line of text.split('\n')) {
      const [, labels = '', count] = line.match(new RegExp(`^${LAG_METRIC}_bucket\\{(.*)\\} (\\d+)$`)) ?? []
      if (count === undefined || seen.has(labels)) continue // services of one process share its metrics
      seen.add(labels)
      const bound = /le="([^"]+)"/.exec(labels)?.[1] ?? '+Inf'
      const seconds = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound)
      sums.set(seconds, (sums.get(seconds) ?? 0) + Number(count))
    }
  }
  return sums
}

/** Upper bounds of the buckets that hold the median and the 99th percentile, in milliseconds. */
function lagQuantiles(before: Buckets, after: Buckets): { p50: number; p99: number } {
  const counts = [...after]
    .map(([bound, count]) => ({ bound, count: count - (before.get(bound) ?? 0) }))
    .sort((a, b) => a.bound - b.bound)
  const total = counts.at(-1)?.count ?? 0
  const at = (share: number) =>
    (counts.find(({ count }) => count >= total * share)?.bound ?? Number.NaN) * 1000
  return { p50: at(0.5), p99: at(0.99) }
}

function print(latency: Load, rate: Load, lag: { p50: number; p99: number }): void {
  const row = (name: string, { perSecond, p50, p99 }: Load) =>
    console.log(
      `${name.padEnd(24)}${perSecond.toFixed(0).padStart(8)}/s${p50.toFixed(0).padStart(8)} ms${p99.toFixed(0).padStart(8)} ms`,
    )
  console.log(`${''.padEnd(24)}${'checkouts'.padStart(10)}${'p50'.padStart(11)}${'p99'.padStart(11)}`)
  row(`${LATENCY_CALLERS} callers`, latency)
  row(`${RATE_CALLERS} callers`, rate)
  console.log(`projection lag: p50 up to ${lag.p50} ms, p99 up to ${lag.p99} ms`)
}
