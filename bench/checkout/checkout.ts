// Benchmarks checkouts through the web BFF up to Confirmed: latency, sustained rate and projection lag.
import { chmod, mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Pool } from 'undici'
import { openCheckoutLoad } from '#bench/checkout/checkout-load.ts'
import { lagBuckets, lagQuantiles } from '#bench/checkout/projection-lag.ts'
import { atLeast, atMost, type Bench, measureLoad, printTable, rounded } from '#bench/harness/benchmark.ts'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import { createSender } from '#testbed/shop-client.ts'
import { freePortBase, startWaybill } from '#testbed/waybill-process.ts'

const LATENCY_CALLERS = 10
const RATE_CALLERS = 48

export const bench: Bench = async ({ quick }) => {
  await using open = new AsyncDisposableStack()
  const { path: dataDir } = open.use(await mkdtempDisposable(path.join(tmpdir(), 'waybill-bench-')))
  await chmod(dataDir, 0o755) // PostgreSQL's own account must be able to pass through
  const instance = open.use(await startWaybill({ dataDir, portBase: await freePortBase() }))
  const pool = new Pool(instance.url('bff-web'), { connections: RATE_CALLERS * 2 })
  open.defer(() => pool.close())
  const issuer = await openEmbeddedIssuer(path.join(dataDir, 'auth'))
  const shop = await openCheckoutLoad(pool, {
    token: (role, subject = role) => issuer.sign({ role, subject }),
    send: createSender(service => `${instance.url(service)}/graphql`),
  })
  const subgraphs = SUBGRAPHS.map(name => instance.url(name))

  await measureLoad(RATE_CALLERS, quick ? 3000 : 10_000, shop.checkout) // warm-up: compiled code, cached plans
  const latency = await measureLoad(LATENCY_CALLERS, quick ? 5000 : 15_000, shop.checkout)
  const before = await lagBuckets(subgraphs)
  const rate = await measureLoad(RATE_CALLERS, quick ? 10_000 : 60_000, shop.checkout)
  const lag = lagQuantiles(before, await lagBuckets(subgraphs))
  const rows = Object.entries({ [LATENCY_CALLERS]: latency, [RATE_CALLERS]: rate })
  printTable(
    ['', 'checkouts/s', 'p50 ms', 'p99 ms'],
    rows.map(([callers, load]) => [`${callers} callers`, ...Object.values(load).map(rounded)]),
  )
  console.log(`projection lag: p50 up to ${lag.p50} ms, p99 up to ${lag.p99} ms`)
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
