// Benchmarks how an instance fares as its store grows: the same figures at each number of orders.
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'
import { z } from 'zod'
import type { Copies, TemplateDocument } from '#bench/growth/copy-histories.ts'
import { measureShop, type Sample, type ShopFigures } from '#bench/growth/measure-shop.ts'
import {
  eachService,
  growShop,
  headsOf,
  readShopTemplate,
  type ShopTemplate,
  type ShopUrls,
} from '#bench/growth/shop-data.ts'
import { fillMarks } from '#bench/growth/template.ts'
import { atLeast, atMost, type Bench, type Goal, printTable, rounded } from '#bench/harness/benchmark.ts'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { withSession } from '#platform/postgres/pool.ts'
import { type CheckoutLoad, openCheckoutLoad } from '#testbed/checkout-load.ts'
import { createSender, type PlatformClient } from '#testbed/shop-client.ts'
import { databaseOf, freePortBase, openDataDir, startWaybill } from '#testbed/waybill-process.ts'

const ORDERS_IN_TEMPLATE = 50
const CALLERS = 5
/** Orders of the first start that go on to their end by themselves: delivered, declined and cancelled. */
const SEED_ORDERS_ENDED = 3
const CONNECTIONS = 96
const LOOK_MS = 100
const PATIENCE_MS = 300_000
const TABLES_SHOWN = 15

type Grown = {
  readonly orders: number
  /** These and the orders that were checked out while smaller sizes were measured, when `bytes` was read. */
  readonly stored: number
  readonly startMs: number
  readonly figures: ShopFigures
  readonly rebuildRates: Readonly<Record<string, number>>
  readonly bytes: Readonly<Record<string, number>>
}

type Growing = {
  readonly options: {
    readonly dataDir: string
    readonly portBase: number
    readonly env: Record<string, string>
  }
  readonly client: PlatformClient
  readonly shop: CheckoutLoad
  readonly template: ShopTemplate
}

export const bench: Bench = async ({ quick }) => {
  await using open = new AsyncDisposableStack()
  const { dataDir } = open.use(await openDataDir())
  const portBase = await freePortBase()
  const options = { dataDir, portBase, env: { CARRIER_SANDBOX_STEP_MS: '20', LOG_LEVEL: 'warn' } }
  const growing = await makeTemplate(options, open)
  const all: Grown[] = []
  for (const orders of quick ? [1_000, 20_000] : [1_000, 20_000, 200_000]) {
    const began = performance.now()
    const from = (all.at(-1)?.orders ?? 0) / ORDERS_IN_TEMPLATE
    all.push(await measureAt(growing, { from, to: orders / ORDERS_IN_TEMPLATE }, quick))
    console.log(`measured at ${orders} orders, in ${Math.round((performance.now() - began) / 1000)} s`)
  }
  print(all)
  return { versions: {}, figures: { sizes: all }, goals: goalsOf(all) }
}

/** Runs real orders to their end, and reads their histories. The instance is stopped after it. */
async function makeTemplate(options: Growing['options'], open: AsyncDisposableStack): Promise<Growing> {
  await using instance = await startWaybill(options)
  const issuer = await openEmbeddedIssuer(path.join(options.dataDir, 'auth'))
  const client: PlatformClient = {
    token: (role, subject = role) => issuer.sign({ role, subject, ttlSeconds: 24 * 3600 }),
    send: createSender(service => `${instance.url(service)}/graphql`),
  }
  const pool = new Pool(instance.url('bff-web'), { connections: CONNECTIONS })
  open.defer(() => pool.close())
  const urls = await databaseUrls(options.dataDir)
  await allEnded(urls, 0, SEED_ORDERS_ENDED) // they must not become part of the template
  const { orders } = await headsOf(urls) // customers belong to the template, products do not
  const shop = await openCheckoutLoad(pool, client)
  const after = { ...(await headsOf(urls)), orders }
  const from = new Date().toISOString()
  let sent = 0
  const caller = async () => {
    while (sent++ < ORDERS_IN_TEMPLATE) await shop.confirm()
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  await allEnded(urls, after.orders, ORDERS_IN_TEMPLATE)
  const template = await readShopTemplate(urls, after, { from, to: new Date().toISOString() })
  return { options, client, shop, template }
}

async function databaseUrls(dataDir: string): Promise<ShopUrls> {
  const of = (name: keyof ShopUrls) => databaseOf(dataDir, name)
  return { ...(await eachService(of)), bus: await of('bus') }
}

/**
 * Resolves once `orders` orders have ended since `after`, every view and the bus have followed, and the sandbox carrier has
 * noted that its notices were heard.
 */
async function allEnded(urls: ShopUrls, after: number, orders: number): Promise<void> {
  const late = AbortSignal.timeout(PATIENCE_MS)
  for (;;) {
    const { rows } = await withSession(urls.orders, session =>
      session.query<{ ended: number }>(
        `SELECT count(*)::int AS ended FROM event_store.events
          WHERE position > $1 AND type IN ('OrderCompleted', 'OrderCancelled')`,
        [after],
      ),
    )
    const behind = await eachService(name =>
      withSession(urls[name], session =>
        session.query(
          `SELECT FROM event_store.consumers WHERE checkpoint < (SELECT max(position) FROM event_store.events) LIMIT 1`,
        ),
      ),
    )
    const due = await withSession(urls.shipping, session =>
      session.query('SELECT FROM sandbox_carrier.parcels WHERE due_at IS NOT NULL LIMIT 1'),
    )
    const isDone = (rows[0]?.ended ?? 0) >= orders && due.rowCount === 0
    if (isDone && Object.values(behind).every(({ rowCount }) => rowCount === 0)) return
    if (late.aborted)
      throw new Error(`of ${orders} orders, ${rows[0]?.ended} have ended in time, or parcels are still due`)
    await delay(LOOK_MS)
  }
}

async function placedSince(urls: ShopUrls, after: number): Promise<number> {
  const { rows } = await withSession(urls.orders, session =>
    session.query<{ placed: number }>(
      `SELECT count(*)::int AS placed FROM event_store.events WHERE position > $1 AND type = 'OrderPlaced'`,
      [after],
    ),
  )
  return rows[0]?.placed ?? 0
}

/** Adds the copies to the stopped instance, starts it, and measures. */
async function measureAt(
  { options, client, shop, template }: Growing,
  copies: Copies,
  quick: boolean,
): Promise<Grown> {
  const checkedOut = shop.outcomes.confirmed + shop.outcomes.unconfirmed
  const grown = await growShop(options.dataDir, template, copies)
  const began = performance.now()
  await using instance = await startWaybill(options)
  const startMs = performance.now() - began
  const sample = sampleOf(template, copies.to)
  const urls = await databaseUrls(options.dataDir)
  const before = await headsOf(urls)
  const figures = await measureShop(instance, { client, shop, sample, quick })
  await allEnded(urls, before.orders, await placedSince(urls, before.orders)) // the next start has none to take up
  const orders = copies.to * ORDERS_IN_TEMPLATE
  return { orders, stored: orders + checkedOut, startMs, figures, ...grown }
}

/** Draws from all copies that there are so far. */
function sampleOf(template: ShopTemplate, copies: number): Sample {
  const [orders = [], customers = []] = template.orders.documents.map(({ all }) => all)
  const draw = <Item>(items: readonly Item[]) => items[Math.floor(Math.random() * items.length)]
  const copy = () => Math.floor(Math.random() * copies)
  const drawn = (documents: readonly TemplateDocument[]) => fillMarks(draw(documents)?.text ?? '', copy())
  const orderSchema = z.object({ id: z.string(), number: z.string(), placedAt: z.string() })
  const order = () => orderSchema.parse(JSON.parse(drawn(orders)))
  const customerSchema = z.object({ id: z.string() })
  return {
    order,
    customer: () => customerSchema.parse(JSON.parse(drawn(customers))).id,
    instant: () => order().placedAt,
  }
}

function print(all: readonly Grown[]): void {
  const rows: Readonly<Record<string, (grown: Grown) => number>> = {
    'checkouts/s at 10 callers': ({ figures }) => figures.latency.perSecond,
    'checkout p50 ms at 10 callers': ({ figures }) => figures.latency.p50,
    'checkouts/s, sustained': ({ figures }) => figures.rate.perSecond,
    'order page p50 ms': ({ figures }) => figures.page,
    'order list p50 ms': ({ figures }) => figures.list,
    'counted page of orders p50 ms': ({ figures }) => figures.countedPage,
    'search for one order p50 ms': ({ figures }) => figures.search,
    'search that all orders match p50 ms': ({ figures }) => figures.wideSearch,
    'changesSince p50 ms': ({ figures }) => figures.changesSince,
    'start ms': ({ startMs }) => startMs,
    'memory of the subgraphs MB': ({ figures }) => figures.domainMegabytes,
    'memory of gateway and BFFs MB': ({ figures }) => figures.edgeMegabytes,
    ...Object.fromEntries(
      Object.keys(all[0]?.rebuildRates ?? {}).map(view => [
        `rebuild of ${view}, 1000 events/s`,
        ({ rebuildRates }: Grown) => (rebuildRates[view] ?? 0) / 1000,
      ]),
    ),
  }
  const head = ['orders', ...all.map(({ orders }) => orders)].map(String)
  printTable(
    head,
    Object.entries(rows).map(([name, figure]) => [name, ...all.map(grown => rounded(figure(grown)))]),
  )
  console.log()
  const largest = Object.entries(all.at(-1)?.bytes ?? {}).sort(([, one], [, other]) => other - one)
  printTable(
    ['bytes an order, by table', ...head.slice(1)],
    largest
      .slice(0, TABLES_SHOWN)
      .map(([table]) => [table, ...all.map(({ bytes, stored }) => rounded((bytes[table] ?? 0) / stored))]),
  )
}

/** Compares the largest size with the smallest. */
function goalsOf(all: readonly Grown[]): readonly Goal[] {
  const [first, last] = [all[0], all.at(-1)]
  if (first === undefined || last === undefined) return []
  const times = (figure: (grown: Grown) => number) => figure(last) / figure(first)
  const reads = ['page', 'list', 'changesSince'] as const
  return [
    atLeast(
      'checkouts at 10 callers, to those at 1,000 orders',
      times(grown => grown.figures.latency.perSecond),
      'x',
      0.9,
    ),
    atLeast(
      'checkouts sustained',
      times(grown => grown.figures.rate.perSecond),
      'x',
      0.9,
    ),
    ...reads.map(name =>
      atMost(
        `${name} p50`,
        times(({ figures }) => figures[name]),
        'x',
        1.2,
      ),
    ),
    atMost(
      'counted page p50', // which counts half of 1,000 orders, and 1,000 of more
      times(({ figures }) => figures.countedPage),
      'x',
      2,
    ),
    atMost(
      'search p50',
      times(({ figures }) => figures.search),
      'x',
      2,
    ),
    atMost(
      'search that all orders match p50',
      times(({ figures }) => figures.wideSearch),
      'x',
      2,
    ),
    atMost(
      'start',
      times(({ startMs }) => startMs),
      'x',
      1.2,
    ),
    ...Object.keys(first.rebuildRates).map(view =>
      atLeast(
        `rebuild of ${view}`,
        times(({ rebuildRates }) => rebuildRates[view] ?? 0),
        'x',
        0.9,
      ),
    ),
  ]
}
