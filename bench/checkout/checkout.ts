// Benchmarks checkouts through the web BFF up to Confirmed: latency, sustained rate and projection lag.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Pool } from 'undici'
import { openCheckoutLoad } from '#bench/checkout/checkout-load.ts'
import { lagBuckets, lagQuantiles } from '#bench/checkout/projection-lag.ts'
import { atLeast, atMost, type Bench, type Load, measureLoad } from '#bench/harness/benchmark.ts'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import { freePortBase, startWaybill } from '#testbed/waybill-process.ts'

const LATENCY_CALLERS = 10
const RATE_CALLERS = 48

export const bench: Bench = async ({ quick }) => {
  await using open = new AsyncDisposableStack()
  const dataDir = await mkdtemp(path.join(tmpdir(), 'waybill-bench-'))
  await chmod(dataDir, 0o755) // PostgreSQL's own account must be able to pass through
  open.defer(() => rm(dataDir, { recursive: true, force: true }))
  const instance = open.use(await startWaybill({ dataDir, portBase: await freePortBase() }))
  const pool = new Pool(instance.url('bff-web'), { connections: RATE_CALLERS * 2 })
  open.defer(() => pool.close())
  const shop = await openCheckoutLoad(pool, await openEmbeddedIssuer(path.join(dataDir, 'auth')))
  const subgraphs = SUBGRAPHS.map(name => instance.url(name))

  await measureLoad(RATE_CALLERS, quick ? 3000 : 10_000, shop.checkout) // warm-up: compiled code, cached plans
  const latency = await measureLoad(LATENCY_CALLERS, quick ? 5000 : 15_000, shop.checkout)
  const before = await lagBuckets(subgraphs)
  const rate = await measureLoad(RATE_CALLERS, quick ? 10_000 : 60_000, shop.checkout)
  const lag = lagQuantiles(before, await lagBuckets(subgraphs))
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
