// Measures a running instance at one size: checkouts, pages, lists, searches, the phone's sync, and memory.
import { readFile } from 'node:fs/promises'
import { type Load, measureLoad, median } from '#bench/harness/benchmark.ts'
import { readManifest } from '#platform/graphql/endpoint/persisted-operations.ts'
import type { CheckoutLoad } from '#testbed/checkout-load.ts'
import type { PlatformClient } from '#testbed/shop-client.ts'
import type { WaybillProcess } from '#testbed/waybill-process.ts'

const LATENCY_CALLERS = 10
const RATE_CALLERS = 48
/** After these, every product was ordered since the start. */
const WARM_UP_MS = 8_000

/** Asks the gateway for all that a page can say: what lies beyond it on both sides, and how long its list is. */
const COUNTED_PAGE = `query ($filter: OrderFilter) {
  orders(filter: $filter, last: 20) {
    nodes { id number status placedAt }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    totalCount
    totalCountCapped
  }
}`

/** Returns orders, customers and instants of the copies at random. */
export type Sample = {
  order(): { readonly id: string; readonly number: string }
  customer(): string
  instant(): string
}

export type ShopFigures = {
  readonly latency: Load
  readonly rate: Load
  /** Milliseconds, at the median, of one request at a time. */
  readonly page: number
  readonly list: number
  /** A page before an instant, read from the end of the list, with its length. */
  readonly countedPage: number
  readonly search: number
  readonly wideSearch: number
  readonly changesSince: number
  readonly domainMegabytes: number
  readonly edgeMegabytes: number
}

export async function measureShop(
  instance: WaybillProcess,
  {
    client,
    shop,
    sample,
    quick,
  }: { client: PlatformClient; shop: CheckoutLoad; sample: Sample; quick: boolean },
): Promise<ShopFigures> {
  const requests = quick ? 60 : 200
  await measureLoad(LATENCY_CALLERS, WARM_UP_MS, shop.confirm)
  const reads = await measureReads(client, sample, requests)
  const latency = await measureLoad(LATENCY_CALLERS, quick ? 5_000 : 15_000, shop.confirm)
  const rate = await measureLoad(RATE_CALLERS, quick ? 8_000 : 30_000, shop.confirm)
  return {
    latency,
    rate,
    ...reads,
    domainMegabytes: await residentMegabytes(await instance.hostPid('orders')),
    edgeMegabytes: await residentMegabytes(await instance.hostPid('gateway')),
  }
}

/** Each request is for something else, so that none is answered from a cache. */
async function measureReads(client: PlatformClient, sample: Sample, requests: number) {
  const ops = await client.token('ops')
  const [page, list, sync] = await Promise.all([
    operation('bff-web', 'OrderPage'),
    operation('bff-web', 'OrderList'),
    operation('bff-mobile', 'ChangesSince'),
  ])
  const time = async (ask: () => Promise<{ readonly errors?: readonly unknown[] }>) => {
    const times: number[] = []
    for (let request = 0; request < requests; request++) {
      const began = performance.now()
      const { errors } = await ask()
      if (errors) throw new Error(JSON.stringify(errors))
      times.push(performance.now() - began)
    }
    return median(times.slice(requests / 10))
  }
  const listed = (filter: () => object) =>
    time(() => client.send('bff-web', ops, list, { filter: filter(), first: 20 }))
  return {
    page: await time(() => client.send('bff-web', ops, page, { id: sample.order().id })),
    list: await listed(() => ({ placedTo: sample.instant() })),
    countedPage: await time(() =>
      client.send('gateway', ops, COUNTED_PAGE, { filter: { placedFrom: sample.instant() } }),
    ),
    search: await listed(() => ({ text: sample.order().number })),
    wideSearch: await listed(() => ({ text: 'shopper', placedTo: sample.instant() })),
    changesSince: await time(async () =>
      client.send('bff-mobile', await client.token('customer', sample.customer()), sync, { first: 20 }),
    ),
  }
}

async function operation(graph: 'bff-web' | 'bff-mobile', name: string): Promise<string> {
  const { operations } = await readManifest(new URL(`../../schema/persisted/${graph}.json`, import.meta.url))
  const found = operations.find(each => each.name === name)
  if (found === undefined) throw new Error(`${graph} has no operation ${name}`)
  return found.body
}

/** Returns NaN where the system has no /proc. */
async function residentMegabytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1] ?? Number.NaN) / 1024
}
