// Kills, hangs and restarts Redis under load: every request is answered, and the cache returns with Redis.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type BffProcess, startBffProcess } from '#test/fixtures/bff-process.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { type RedisProcess, startRedis } from '#testbed/engines/redis.ts'
import { addProduct, createSender } from '#testbed/shop-client.ts'

const PRODUCTS = 200
const PAGE = 'query ($sku: ID!) { product(sku: $sku) { sku title } }'

let platform: TestPlatform
let redis: RedisProcess
let bffs: readonly BffProcess[]
let token: string

beforeAll(async () => {
  redis = await startRedis()
  platform = await startPlatform()
  const start = () => startBffProcess(platform, 'bff-web', { CACHE_URL: redis.url })
  bffs = await Promise.all([start(), start()])
  token = await platform.token('ops')
  for (let index = 0; index < PRODUCTS; index++)
    await addProduct(platform, { sku: skuOf(index), price: '1.00', stock: { 'BER-1': 10 } })
})
afterAll(async () => {
  await Promise.all((bffs ?? []).map(bff => bff.stop()))
  await platform?.[Symbol.asyncDispose]()
  await redis?.[Symbol.asyncDispose]()
})

function skuOf(index: number): string {
  return `sku-${index % PRODUCTS}`
}

async function read(bff: number, sku: string): Promise<number> {
  const began = performance.now()
  const send = createSender(() => `${bffs[bff % bffs.length]?.url}/graphql`)
  const reply = await send<{ product: { sku: string } }>('bff-web', token, PAGE, { sku })
  if (reply.errors || reply.data.product.sku !== sku) throw new Error(JSON.stringify(reply))
  return performance.now() - began
}

async function changePrice(sku: string, key: string): Promise<void> {
  const change = 'mutation ($input: ChangePriceInput!) { changePrice(input: $input) { __typename } }'
  const input = { idempotencyKey: key, sku, price: { amount: '2.00', currency: 'USD' } }
  const reply = await platform.send('bff-web', token, change, { input })
  if (reply.errors) throw new Error(JSON.stringify(reply.errors))
}

async function tier2(bff: number): Promise<string> {
  const reply = await fetch(`${bffs[bff]?.url}/health/ready`)
  return JSON.stringify(await reply.json())
}

/** Returns how many reads this process served from Redis. */
async function remoteHits(bff: number): Promise<number> {
  const text = await (await fetch(`${bffs[bff]?.url}/metrics`)).text()
  return text
    .split('\n')
    .filter(line => line.startsWith('waybill_cache_hits_total') && line.includes('tier="remote"'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

test('one process reads from Redis what the other has loaded', async () => {
  for (let index = 0; index < 20; index++) await read(0, skuOf(index))
  for (let index = 0; index < 20; index++) await read(1, skuOf(index))
  expect(await remoteHits(1)).toBeGreaterThanOrEqual(15)
})

test('no request fails while Redis is killed, hangs and returns, and the cache uses it again', async () => {
  let going = true
  let requests = 0
  const times: number[] = []
  const load = async (worker: number) => {
    for (; going; requests++) times.push(await read(requests + worker, skuOf(requests * 7 + worker)))
  }
  const changes = async () => {
    for (let round = 0; going; round++) await changePrice(skuOf(round), `redis-${round}`)
  }
  const more = (count: number) => {
    const wanted = requests + count
    return expect.poll(() => requests >= wanted, { timeout: 30_000 }).toBe(true)
  }
  const running = Promise.all([0, 1, 2, 3].map(load).concat(changes()))
  await more(200)
  await redis.kill()
  await more(200)
  await expect.poll(() => tier2(0)).toContain('away')
  await redis.restart()
  await expect.poll(() => tier2(0)).toContain('up')
  await more(200)
  redis.pause()
  await more(200)
  redis.resume()
  await expect.poll(() => tier2(1)).toContain('up')
  going = false
  await running
  const slowest = Math.max(...times)
  console.log(`${requests} requests, the slowest ${slowest.toFixed(0)} ms`)
  const before = await remoteHits(1)
  for (let index = 0; index < PRODUCTS; index++) await read(0, skuOf(index))
  for (let index = 0; index < PRODUCTS; index++) await read(1, skuOf(index))
  expect(await remoteHits(1)).toBeGreaterThan(before)
})
