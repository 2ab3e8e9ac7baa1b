// Compares checkouts with those of Vendure's server: the same PostgreSQL, the same load, in turn.
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { Pool } from 'undici'
import { startVendure } from '#bench/checkout/vendure.ts'
import {
  atLeast,
  type Bench,
  inRounds,
  measureLoad,
  medianRatio,
  printTable,
  rounded,
  summary,
  versionOf,
} from '#bench/harness/benchmark.ts'
import { installPeers } from '#bench/harness/peers.ts'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { withSession } from '#platform/postgres/pool.ts'
import { openCheckoutLoad, PRODUCTS } from '#testbed/checkout-load.ts'
import { createSender } from '#testbed/shop-client.ts'
import { databaseOf, freePortBase, openDataDir, startWaybill } from '#testbed/waybill-process.ts'

/** Enough for either to reach its best rate on two cores. */
const CALLERS = 24
/** Work that an answered checkout leaves behind has ended when the server writes less than this in a second. */
const QUIET_BYTES = 20_000

const WHAT_EACH_DOES = `Waybill: an HTTP request for each checkout, placed, stock held, payment authorised, order confirmed; then, within the
measured time, shipment, capture, delivery, completion, views and event bus, through BFF, gateway and four subgraphs.
Vendure: an HTTP request for each checkout: two products into the cart, address, shipping method, payment authorised by its
dummy handler, stock allocated. It has no saga, no shipment, no capture, no projections and no events to follow.`

export const bench: Bench = async ({ quick }) => {
  await using open = new AsyncDisposableStack()
  const folder = await installPeers('vendure')
  const { dataDir } = open.use(await openDataDir())
  const workDir = open.use(await mkdtempDisposable(path.join(tmpdir(), 'waybill-bench-peers-'))).path
  const waybill = open.use(await openWaybill(dataDir))
  const database = await databaseOf(dataDir, 'orders')
  await withSession(database, session => session.query('CREATE DATABASE vendure'))
  const databaseUrl = Object.assign(new URL(database), { pathname: '/vendure' }).href
  const vendure = open.use(
    await startVendure({ folder, databaseUrl, workDir, products: PRODUCTS, callers: CALLERS }),
  )
  console.log(WHAT_EACH_DOES)
  const measure = async (checkout: () => Promise<unknown>, ms: number) => {
    await whenQuiet(database)
    return measureLoad(CALLERS, ms, checkout)
  }
  for (const { checkout } of [waybill, vendure]) await measure(checkout, quick ? 4_000 : 15_000)
  const ms = quick ? 5_000 : 20_000
  const rounds = await inRounds(quick ? 2 : 5, {
    waybill: () => measure(waybill.checkout, ms),
    vendure: () => measure(vendure.checkout, ms),
  })
  const figures = { waybill: summary(rounds, 'waybill'), vendure: summary(rounds, 'vendure') }
  printTable(
    [`${CALLERS} callers`, 'checkouts/s', 'p50 ms', 'p99 ms'],
    Object.entries(figures).map(([name, load]) => [name, ...Object.values(load).map(rounded)]),
  )
  return {
    versions: { vendure: await versionOf('@vendure/core', pathToFileURL(`${folder}/`)) },
    figures: { callers: CALLERS, ...figures },
    goals: [atLeast('checkouts beside Vendure', medianRatio(rounds, 'waybill', 'vendure'), 'x', 5)],
  }
}

async function openWaybill(dataDir: string) {
  await using open = new AsyncDisposableStack()
  const env = { CARRIER_SANDBOX_STEP_MS: '20', LOG_LEVEL: 'warn' } // orders are delivered within the measured time
  const instance = open.use(await startWaybill({ dataDir, portBase: await freePortBase(), env }))
  const pool = new Pool(instance.url('bff-web'), { connections: CALLERS })
  open.defer(() => pool.close())
  const issuer = await openEmbeddedIssuer(path.join(dataDir, 'auth'))
  const { confirm } = await openCheckoutLoad(pool, {
    token: (role, subject = role) => issuer.sign({ role, subject }),
    send: createSender(service => `${instance.url(service)}/graphql`),
  })
  const running = open.move()
  return { checkout: confirm, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

/** Resolves once the server writes next to nothing, so that neither contender pays for the other's work. */
async function whenQuiet(database: string): Promise<void> {
  await withSession(database, async session => {
    for (;;) {
      const { rows } = await session.query<{ written: string }>(
        `WITH before AS MATERIALIZED (SELECT pg_current_wal_lsn() AS lsn), pause AS MATERIALIZED (SELECT pg_sleep(1) FROM before)
         SELECT pg_current_wal_lsn() - before.lsn AS written FROM before, pause`,
      )
      if (Number(rows[0]?.written) < QUIET_BYTES) return
    }
  })
}
